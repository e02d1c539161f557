/**
 * What maskline owns in a database. PostgreSQL 10 and later. Every table has a primary key, so that logical replication carries it.
 * `schema` is quoted already.
 */
export function initial(schema: string): string {
  return `
CREATE TABLE ${schema}.migration (
  version     integer     PRIMARY KEY,
  applied_at  timestamptz NOT NULL DEFAULT now()
);

-- A pipeline's name, kept once: receipts carry the short number.
CREATE TABLE ${schema}.pipeline (
  number  smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name    text     NOT NULL UNIQUE
);

-- The stored proof that a message has had its effect. Keyed by sent time first: receipts are inserted in order and pruned by range.
-- A message whose source does not say when it was sent stands at 'infinity' and is never pruned.
CREATE TABLE ${schema}.receipt (
  pipeline  smallint         NOT NULL REFERENCES ${schema}.pipeline (number),
  sent_at   timestamptz      NOT NULL,
  id        text COLLATE "C" NOT NULL,
  outcome   text             NOT NULL CHECK (outcome IN ('loaded', 'quarantined', 'discarded')),
  PRIMARY KEY (pipeline, sent_at, id)
);

-- Refused messages. faults and structure name paths of the contract, types and sizes, never values; the body is sealed.
CREATE TABLE ${schema}.quarantine (
  pipeline        smallint         NOT NULL REFERENCES ${schema}.pipeline (number),
  sent_at         timestamptz      NOT NULL,
  id              text COLLATE "C" NOT NULL,
  reason          text             NOT NULL,
  faults          jsonb            NOT NULL,
  structure       jsonb            NOT NULL,
  body_bytes      integer          NOT NULL,
  attempt         integer          NOT NULL,
  contract_hash   text             NOT NULL,
  sealed          bytea            NOT NULL,
  quarantined_at  timestamptz      NOT NULL DEFAULT now(),
  PRIMARY KEY (pipeline, sent_at, id)
);

-- One row appended with every load: what a lane has received so far, and what became of the messages of this load.
CREATE TABLE ${schema}.ledger (
  run          uuid        NOT NULL,
  lane         smallint    NOT NULL,
  sequence     integer     NOT NULL,
  pipeline     smallint    NOT NULL REFERENCES ${schema}.pipeline (number),
  received     bigint      NOT NULL,
  loaded       integer     NOT NULL,
  duplicate    integer     NOT NULL,
  quarantined  integer     NOT NULL,
  returned     integer     NOT NULL,
  closing      boolean     NOT NULL DEFAULT false,
  recorded_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (run, lane, sequence)
);

CREATE VIEW ${schema}.account AS
SELECT lane_sum.run, pipeline.name AS pipeline, count(*) AS lanes,
       sum(lane_sum.received) AS received, sum(lane_sum.loaded) AS loaded, sum(lane_sum.duplicate) AS duplicate,
       sum(lane_sum.quarantined) AS quarantined, sum(lane_sum.returned) AS returned,
       sum(lane_sum.received - lane_sum.loaded - lane_sum.duplicate - lane_sum.quarantined - lane_sum.returned) AS difference,
       bool_and(lane_sum.closed) AS closed, min(lane_sum.first_at) AS first_at, max(lane_sum.last_at) AS last_at
FROM (
  SELECT run, lane, pipeline, max(received) AS received, sum(loaded) AS loaded, sum(duplicate) AS duplicate,
         sum(quarantined) AS quarantined, sum(returned) AS returned, bool_or(closing) AS closed,
         min(recorded_at) AS first_at, max(recorded_at) AS last_at
  FROM ${schema}.ledger
  GROUP BY run, lane, pipeline
) AS lane_sum
JOIN ${schema}.pipeline ON pipeline.number = lane_sum.pipeline
GROUP BY lane_sum.run, pipeline.name;

-- What a domain's tokens were made with. A ring or a definition that disagrees may not mask.
CREATE TABLE ${schema}.mask_definition (
  domain       text        NOT NULL,
  key_id       bigint      NOT NULL,
  check_value  bytea       NOT NULL,
  fingerprint  text        NOT NULL,
  recorded_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (domain, key_id)
);
`;
}
