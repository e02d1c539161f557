/** Where sources stand that keep their place in the database. `schema` is quoted already. */
export function positions(schema: string): string {
  return `
-- Up to where a stream (a part of a file) has been loaded: moved in the transaction of each load, from where it was read only.
CREATE TABLE ${schema}.position (
  pipeline  smallint    NOT NULL REFERENCES ${schema}.pipeline (number),
  stream    text        NOT NULL,
  next      bigint      NOT NULL,
  moved_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (pipeline, stream)
);
`;
}
