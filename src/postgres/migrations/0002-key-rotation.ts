/** What a rotation of keys needs: which keys are in use, by whom and where, and which tokens stand for equal values. `schema` is quoted already. */
export function keyRotation(schema: string): string {
  return `
-- How the keys of a ring stand in this database. A ring is named by the id of its first root, which stays in it whatever its state.
-- Roots stand in the order of their making: the newest open one is the primary, the oldest that is open or closed the anchor.
--   open: loads may write with it        closed: none may any more; rows may still hold its tokens
--   drained: no row does                 disabled, destroyed: as in the ring
-- Of sealing keys only those are noted that may no longer seal.
CREATE TABLE ${schema}.ring_key (
  ring        bigint      NOT NULL,
  kind        text        NOT NULL CHECK (kind IN ('root', 'sealing')),
  key_id      bigint      NOT NULL,
  position    integer     GENERATED ALWAYS AS IDENTITY,
  state       text        NOT NULL CHECK (state IN ('open', 'closed', 'drained', 'disabled', 'destroyed')),
  changed_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (ring, kind, key_id)
);

-- Which keys each running process writes with. Taken for alive until it has been silent for a minute.
CREATE TABLE ${schema}.replica (
  run         uuid        PRIMARY KEY,
  pipeline    smallint    NOT NULL REFERENCES ${schema}.pipeline (number),
  ring        bigint      NOT NULL,
  key_id      bigint      NOT NULL,
  sealing_id  bigint      NOT NULL,
  started_at  timestamptz NOT NULL DEFAULT now(),
  seen_at     timestamptz NOT NULL DEFAULT now()
);

-- Every column that tokens were ever written to: where the rows of a key are looked for. key_id is 0 where the tokens say their key.
--   whole: each value is a token     json: strings of JSON values are     text: they stand in a text, as {{pii:DOMAIN:TOKEN}}
-- relation and attribute are what the names stood for then, 0 for nothing: a table that is renamed or moved takes its rows along.
CREATE TABLE ${schema}.token_column (
  table_schema  text     NOT NULL,
  table_name    text     NOT NULL,
  column_name   text     NOT NULL,
  domain        text     NOT NULL,
  layout        text     NOT NULL CHECK (layout IN ('whole', 'json', 'text')),
  key_id        bigint   NOT NULL,
  ring          bigint   NOT NULL,
  relation      oid      NOT NULL,
  attribute     smallint NOT NULL,
  PRIMARY KEY (ring, table_schema, table_name, column_name, domain, layout, key_id, relation, attribute)
);

-- While rows hold tokens of several keys: the anchor's token of the same value, for every token of another key that a row holds.
CREATE TABLE ${schema}.token_alias (
  anchor     bigint           NOT NULL,
  domain     text COLLATE "C" NOT NULL,
  token      text COLLATE "C" NOT NULL,
  canonical  text COLLATE "C" NOT NULL,
  PRIMARY KEY (anchor, domain, token)
);

-- The aliases that count: coalesce(canonical, token) is equal for equal values of a domain, and for no others.
CREATE VIEW ${schema}.alias AS
SELECT token_alias.domain, token_alias.token, token_alias.canonical
FROM ${schema}.token_alias
JOIN (
  SELECT DISTINCT oldest.key_id
  FROM (
    SELECT DISTINCT ON (ring_key.ring) ring_key.key_id
    FROM ${schema}.ring_key
    WHERE ring_key.kind = 'root' AND ring_key.state IN ('open', 'closed')
    ORDER BY ring_key.ring, ring_key.position
  ) AS oldest
) AS anchor ON anchor.key_id = token_alias.anchor;

-- How far the walk of \`keys rekey\` over a table has come; moved on in the transaction that changes the rows.
CREATE TABLE ${schema}.rekey (
  table_schema  text        NOT NULL,
  table_name    text        NOT NULL,
  run           uuid        NOT NULL,
  to_key        bigint      NOT NULL,
  pass          integer     NOT NULL,
  part          text        NOT NULL,
  next_block    bigint      NOT NULL,
  changed       bigint      NOT NULL,
  started_at    timestamptz NOT NULL DEFAULT now(),
  moved_at      timestamptz NOT NULL DEFAULT now(),
  finished_at   timestamptz,
  PRIMARY KEY (table_schema, table_name)
);
`;
}
