/** What delivery needs: receipts by identity, what is in hand, and the ways to what is old. `schema` is quoted already. */
export function delivery(schema: string): string {
  return `
-- Receipts of pipelines that know a message by more than its sent time and id: FIFO queues, identities from the body. Such an id comes
-- in any order and at any time, so these are pruned by when they were received. A moment and not a day: before version 13 an index of
-- many equal keys is slow to add to.
CREATE TABLE ${schema}.identity_receipt (
  pipeline     smallint         NOT NULL REFERENCES ${schema}.pipeline (number),
  id           text COLLATE "C" NOT NULL,
  outcome      text             NOT NULL CHECK (outcome IN ('loaded', 'quarantined', 'discarded')),
  received_at  timestamptz      NOT NULL DEFAULT now(),
  PRIMARY KEY (pipeline, id)
);
CREATE INDEX identity_receipt_received_at ON ${schema}.identity_receipt (pipeline, received_at);

-- What a lane has received so far, the batch in its hands included: noted before the load, so that a killed run shows what it held.
-- Each note takes the place of the lane's last one; they are gone when the lane is closed.
CREATE TABLE ${schema}.intake (
  run          uuid        NOT NULL,
  lane         smallint    NOT NULL,
  sequence     integer     NOT NULL,
  pipeline     smallint    NOT NULL REFERENCES ${schema}.pipeline (number),
  received     bigint      NOT NULL,
  recorded_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (run, lane, sequence)
);

-- For what looks at the newest or the oldest loads of a pipeline.
CREATE INDEX ledger_recorded_at ON ${schema}.ledger (pipeline, recorded_at);

-- Received is what a lane noted last, here or there. The same columns as before: grants on the view stay.
CREATE OR REPLACE VIEW ${schema}.account AS
SELECT lane_sum.run, pipeline.name AS pipeline, count(*) AS lanes,
       sum(lane_sum.received) AS received, sum(lane_sum.loaded) AS loaded, sum(lane_sum.duplicate) AS duplicate,
       sum(lane_sum.quarantined) AS quarantined, sum(lane_sum.returned) AS returned,
       sum(lane_sum.received - lane_sum.loaded - lane_sum.duplicate - lane_sum.quarantined - lane_sum.returned) AS difference,
       bool_and(lane_sum.closed) AS closed, min(lane_sum.first_at) AS first_at, max(lane_sum.last_at) AS last_at
FROM (
  SELECT run, lane, pipeline, max(received) AS received, sum(loaded) AS loaded, sum(duplicate) AS duplicate,
         sum(quarantined) AS quarantined, sum(returned) AS returned, bool_or(closing) AS closed,
         min(recorded_at) AS first_at, max(recorded_at) AS last_at
  FROM (
    SELECT run, lane, pipeline, received, loaded, duplicate, quarantined, returned, closing, recorded_at FROM ${schema}.ledger
    UNION ALL
    SELECT run, lane, pipeline, received, 0 AS loaded, 0 AS duplicate, 0 AS quarantined, 0 AS returned, false AS closing, recorded_at
    FROM ${schema}.intake
  ) AS noted
  GROUP BY run, lane, pipeline
) AS lane_sum
JOIN ${schema}.pipeline ON pipeline.number = lane_sum.pipeline
GROUP BY lane_sum.run, pipeline.name;
`;
}
