/** Sealed originals, whose they are, and what an erasure needs. `schema` is quoted already. */
export function vault(schema: string): string {
  return `
-- The original of every token of a vault mask, sealed to the ring's public sealing key and bound to its domain and token.
-- key_id: the root of the token. epoch: the first day of the month it was sealed in.
CREATE TABLE ${schema}.vault (
  domain  text COLLATE "C" NOT NULL,
  token   text COLLATE "C" NOT NULL,
  key_id  bigint           NOT NULL,
  sealed  bytea            NOT NULL,
  epoch   date             NOT NULL DEFAULT date_trunc('month', timezone('UTC', now()))::date,
  PRIMARY KEY (domain, token)
);

-- Whose a token is, by a keyed hash. An original has at least one: it comes with the first and goes with the last. The foreign key makes an
-- erasure and a load wait for each other: neither leaves a link without an original.
CREATE TABLE ${schema}.vault_link (
  domain   text COLLATE "C" NOT NULL,
  token    text COLLATE "C" NOT NULL,
  subject  bytea            NOT NULL CHECK (octet_length(subject) = 32),
  PRIMARY KEY (domain, token, subject),
  CONSTRAINT vault_link_of_original FOREIGN KEY (domain, token) REFERENCES ${schema}.vault (domain, token) ON DELETE RESTRICT
);
CREATE INDEX vault_link_subject ON ${schema}.vault_link (subject);

-- Whose a refused message is, where it says; NULL also for those that were refused before this was kept.
ALTER TABLE ${schema}.quarantine ADD COLUMN subject bytea CHECK (octet_length(subject) = 32);
CREATE INDEX quarantine_subject ON ${schema}.quarantine (subject) WHERE subject IS NOT NULL;

-- What an erasure has removed so far, counted in the transactions that remove it: a killed one goes on from there.
CREATE TABLE ${schema}.erasure (
  id            uuid        PRIMARY KEY,
  subject       bytea       NOT NULL CHECK (octet_length(subject) = 32),
  started_at    timestamptz NOT NULL DEFAULT now(),
  links         bigint      NOT NULL DEFAULT 0,
  originals     bigint      NOT NULL DEFAULT 0,
  shared        bigint      NOT NULL DEFAULT 0,
  bodies        bigint      NOT NULL DEFAULT 0,
  rows_nulled   bigint      NOT NULL DEFAULT 0,
  finished_at   timestamptz,
  certificate   text
);
CREATE UNIQUE INDEX erasure_unfinished ON ${schema}.erasure (subject) WHERE finished_at IS NULL;

-- What has ended is what its certificate says, whoever may go on with others.
CREATE FUNCTION ${schema}.refuse_ended() RETURNS trigger LANGUAGE plpgsql AS $ended$
BEGIN
  RAISE EXCEPTION 'this erasure has ended' USING ERRCODE = 'insufficient_privilege';
END $ended$;
REVOKE ALL ON FUNCTION ${schema}.refuse_ended() FROM PUBLIC;
CREATE TRIGGER erasure_is_kept BEFORE UPDATE ON ${schema}.erasure
  FOR EACH ROW WHEN (OLD.finished_at IS NOT NULL) EXECUTE PROCEDURE ${schema}.refuse_ended();
`;
}
