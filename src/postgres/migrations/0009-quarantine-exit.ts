/** The way out of the quarantine. `schema` is quoted already. */
export function quarantineExit(schema: string): string {
  return `
-- masks: how each field was treated by the contract under which the body was sealed, so that a replay knows which masks are gone since;
--   null where that was not written down yet
-- replays: how often it was replayed and refused again, replayed_at the last time
ALTER TABLE ${schema}.quarantine
  ADD COLUMN masks        jsonb,
  ADD COLUMN replays      integer     NOT NULL DEFAULT 0,
  ADD COLUMN replayed_at  timestamptz;

-- Messages that left the quarantine: written in the transaction that takes them out of it. act is theirs in the audit, contract_hash names
-- the contract they were replayed through. duplicate: under the identity that the contract gives it today it has had its effect already.
CREATE TABLE ${schema}.quarantine_exit (
  act             uuid             NOT NULL,
  pipeline        smallint         NOT NULL REFERENCES ${schema}.pipeline (number),
  sent_at         timestamptz      NOT NULL,
  id              text COLLATE "C" NOT NULL,
  outcome         text             NOT NULL CHECK (outcome IN ('loaded', 'duplicate', 'discarded')),
  reason          text             NOT NULL,
  contract_hash   text             NOT NULL,
  quarantined_at  timestamptz      NOT NULL,
  left_at         timestamptz      NOT NULL DEFAULT now(),
  actor           text             NOT NULL DEFAULT session_user,
  PRIMARY KEY (act, pipeline, sent_at, id)
);
CREATE INDEX quarantine_exit_id ON ${schema}.quarantine_exit (pipeline, id);

-- A writer makes roots known and may not say \`kind\`: since when a sealing key is known, and whether it is closed, decides when it is destroyed.
ALTER TABLE ${schema}.ring_key ALTER COLUMN kind SET DEFAULT 'root';
`;
}
