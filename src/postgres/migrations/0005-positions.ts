/** Where sources stand that keep their place in the database, and the files that were given. `schema` is quoted already. */
export function positions(schema: string): string {
  return `
-- Up to where a stream (a part of a file) has been loaded: moved in the transaction of each load, from where it was read only.
CREATE TABLE ${schema}.position (
  pipeline  smallint         NOT NULL REFERENCES ${schema}.pipeline (number),
  stream    text COLLATE "C" NOT NULL,
  next      bigint           NOT NULL,
  moved_at  timestamptz      NOT NULL DEFAULT now(),
  PRIMARY KEY (pipeline, stream)
);

-- Files that were loaded, or begun, by what they hold and by the names they had (base names only). Their lines stand in blocks of
-- block_bytes each, unpacked; blocks is null as long as nobody has unpacked the file to its end.
CREATE TABLE ${schema}.file (
  pipeline     smallint         NOT NULL REFERENCES ${schema}.pipeline (number),
  fingerprint  text COLLATE "C" NOT NULL,
  name         text COLLATE "C" NOT NULL,
  bytes        bigint           NOT NULL,
  block_bytes  integer          NOT NULL,
  blocks       integer,
  first_at     timestamptz      NOT NULL DEFAULT now(),
  last_at      timestamptz      NOT NULL DEFAULT now(),
  PRIMARY KEY (pipeline, fingerprint, name)
);
CREATE INDEX file_name ON ${schema}.file (pipeline, name);
`;
}
