/** What a run needs to stop when too many messages are refused, and to stand still until someone says otherwise. `schema` is quoted already. */
export function failureBudget(schema: string): string {
  return `
-- A pipeline stands still from tripped_at until it is resumed. refused and seen are what the window held with the batch that was rolled
-- back. reasons: reason, path of the contract and how many messages, the most frequent first; never a value.
CREATE TABLE ${schema}.trip (
  number         integer     GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  pipeline       smallint    NOT NULL REFERENCES ${schema}.pipeline (number),
  run            uuid        NOT NULL,
  tripped_at     timestamptz NOT NULL DEFAULT now(),
  refused        integer     NOT NULL,
  seen           integer     NOT NULL,
  limits         jsonb       NOT NULL,
  reasons        jsonb       NOT NULL,
  resumed_at     timestamptz,
  resumed_by     text,
  resume_reason  text,
  CONSTRAINT trip_resumed_whole CHECK (
    (resumed_at IS NULL) = (resumed_by IS NULL) AND (resumed_at IS NULL) = (resume_reason IS NULL))
);
CREATE UNIQUE INDEX trip_open ON ${schema}.trip (pipeline) WHERE resumed_at IS NULL;
CREATE INDEX trip_resumed ON ${schema}.trip (pipeline, resumed_at);

-- To say why is to resume, once: when and by whom is not for the one who resumes to say.
CREATE FUNCTION ${schema}.resume_trip() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $resume$
BEGIN
  IF OLD.resumed_at IS NOT NULL THEN
    RAISE EXCEPTION 'a trip that has ended stays as it is' USING ERRCODE = 'insufficient_privilege';
  END IF;
  NEW.resumed_at := now();
  NEW.resumed_by := session_user;
  RETURN NEW;
END $resume$;
CREATE TRIGGER trip_is_resumed_once BEFORE UPDATE ON ${schema}.trip FOR EACH ROW EXECUTE PROCEDURE ${schema}.resume_trip();
REVOKE ALL ON FUNCTION ${schema}.resume_trip() FROM PUBLIC;

-- Why messages of a load were quarantined. A ledger row says how many: whoever loads may read neither the quarantine nor its paths.
CREATE TABLE ${schema}.ledger_reason (
  run       uuid     NOT NULL,
  lane      smallint NOT NULL,
  sequence  integer  NOT NULL,
  reason    text     NOT NULL,
  path      text     NOT NULL,
  messages  integer  NOT NULL,
  PRIMARY KEY (run, lane, sequence, reason, path)
);
`;
}
