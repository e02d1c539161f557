/**
 * What governs the way back: who may do what and how often, what a second person has allowed, and the audit of it all. `schema` is quoted
 * already. The functions run with their owner's rights (SECURITY DEFINER) for whoever may call them; who calls is `session_user`, which no
 * SET ROLE changes. A role that may only call them can neither read nor alter what they keep.
 */
export function recovery(schema: string): string {
  const own = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp";
  const holding = `FROM ${schema}.policy JOIN pg_roles ON pg_roles.rolname = policy.role AND pg_has_role(session_user, pg_roles.oid, 'MEMBER')
  WHERE policy.domain IN (in_domain, '*') AND (policy.action = wanted OR wanted = 'reveal-partial' AND policy.action = 'reveal')`;
  return `
-- Members of a role may do this in a domain ('*': in all). Where no row holds, nothing is allowed.
-- values_per_day: so many values in 24 hours (UTC) for each person; NULL for no limit
-- approve_above:  of these, more need a second person; NULL for none. Added up over the day: a list in parts is no way round it
CREATE TABLE ${schema}.policy (
  role            text        NOT NULL,
  domain          text        NOT NULL,
  action          text        NOT NULL CHECK (action IN ('verify', 'reveal-partial', 'reveal', 'erase', 'replay', 'approve')),
  values_per_day  integer     CHECK (values_per_day > 0),
  approve_above   integer     CHECK (approve_above >= 0),
  changed_by      text        NOT NULL DEFAULT session_user,
  changed_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (role, domain, action),
  CONSTRAINT policy_approve_unlimited CHECK (action <> 'approve' OR values_per_day IS NULL AND approve_above IS NULL)
);

-- How many values a person has asked for in a day, and how many of these without a second person.
CREATE TABLE ${schema}.spending (
  actor   text    NOT NULL,
  day     date    NOT NULL,
  action  text    NOT NULL,
  domain  text    NOT NULL,
  spent   bigint  NOT NULL,
  alone   bigint  NOT NULL,
  PRIMARY KEY (actor, day, action, domain)
);

-- What waits for a second person, or was allowed by one: one act as it was asked for, for one person, once.
-- asked:      action, domain, amount, list (SHA-256 of the frozen list, in hexadecimal digits), reason, ticket and details, as in the audit
-- principal:  who AWS said was asking; NULL where the ring is none of AWS
CREATE TABLE ${schema}.approval (
  id            uuid        PRIMARY KEY,
  asked         jsonb       NOT NULL CHECK (asked ->> 'list' ~ '^[0-9a-f]{64}$' AND asked ?& ARRAY['action', 'domain', 'amount', 'reason', 'ticket', 'details']),
  actor         text        NOT NULL,
  principal     text,
  requested_at  timestamptz NOT NULL DEFAULT now(),
  expires_at    timestamptz NOT NULL,
  approved_by   text,
  approved_at   timestamptz,
  used_at       timestamptz,
  CONSTRAINT approval_by_another CHECK (approved_by <> actor),
  CONSTRAINT approval_whole CHECK ((approved_by IS NULL) = (approved_at IS NULL) AND (used_at IS NULL OR approved_at IS NOT NULL))
);

-- Every act in two rows, or one where it was refused. entry is canonical JSON (RFC 8785) and holds the hash of the row before; hash is
-- SHA-256 of entry, signature Ed25519 over the hash.
CREATE TABLE ${schema}.audit (
  sequence   bigint PRIMARY KEY CHECK (sequence > 0),
  act        uuid   NOT NULL,
  entry      text   NOT NULL,
  hash       bytea  NOT NULL CHECK (octet_length(hash) = 32),
  key_id     bigint NOT NULL,
  signature  bytea  NOT NULL CHECK (octet_length(signature) = 64)
);

-- The tokens of an act, each by a keyed hash: so that it can be asked who opened one.
CREATE TABLE ${schema}.audit_token (
  act         uuid  NOT NULL,
  token_hash  bytea NOT NULL CHECK (octet_length(token_hash) = 16),
  PRIMARY KEY (act, token_hash)
);
CREATE INDEX audit_token_hash ON ${schema}.audit_token (token_hash);
CREATE INDEX audit_act ON ${schema}.audit (act);

-- The acts that have tokens. None is there at a commit that nothing was told of: who adds tokens puts a name to them.
CREATE TABLE ${schema}.audited_act (act uuid PRIMARY KEY);

-- The end of the chain. Whoever appends holds its lock until the commit, so that the chain never forks.
CREATE TABLE ${schema}.audit_head (
  singleton  boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  sequence   bigint  NOT NULL,
  hash       bytea   NOT NULL CHECK (octet_length(hash) = 32)
);
INSERT INTO ${schema}.audit_head (sequence, hash) VALUES (0, decode(repeat('00', 32), 'hex'));

CREATE FUNCTION ${schema}.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $refuse$
BEGIN
  RAISE EXCEPTION 'the audit is only ever appended to' USING ERRCODE = 'insufficient_privilege';
END $refuse$;
CREATE TRIGGER audit_is_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON ${schema}.audit
  FOR EACH STATEMENT EXECUTE PROCEDURE ${schema}.refuse_change();
CREATE TRIGGER audit_token_is_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON ${schema}.audit_token
  FOR EACH STATEMENT EXECUTE PROCEDURE ${schema}.refuse_change();

-- On a table of somebody else's, NEW.act would be of a type of theirs, which may bring code along.
CREATE FUNCTION ${schema}.refuse_untold() RETURNS trigger ${own} AS $untold$
BEGIN
  IF TG_RELID <> '${schema.replaceAll("'", "''")}.audited_act'::regclass THEN
    RAISE EXCEPTION 'this is for one table only' USING ERRCODE = 'insufficient_privilege';
  END IF;
  IF NOT EXISTS (SELECT FROM ${schema}.audit WHERE audit.act = NEW.act) THEN
    RAISE EXCEPTION 'tokens of an act that nothing is told of' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NULL;
END $untold$;
CREATE CONSTRAINT TRIGGER audited_act_is_told AFTER INSERT ON ${schema}.audited_act
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE PROCEDURE ${schema}.refuse_untold();

-- Keeps the tokens of an act, their hashes end to end: before the end of the chain is locked, so that a long list makes nobody wait. The
-- entry that follows in the same transaction binds them.
CREATE FUNCTION ${schema}.audit_tokens(of_act uuid, token_hashes bytea) RETURNS void ${own} AS $tokens$
BEGIN
  IF EXISTS (SELECT FROM ${schema}.audit WHERE audit.act = of_act) THEN
    RAISE EXCEPTION 'this act has its tokens already' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  INSERT INTO ${schema}.audited_act (act) VALUES (of_act);
  INSERT INTO ${schema}.audit_token (act, token_hash)
  SELECT of_act, substring(token_hashes FROM place * 16 + 1 FOR 16) FROM generate_series(0, octet_length(token_hashes) / 16 - 1) AS place;
END $tokens$;

-- Locks the end of the chain, and says where it is, who asks and what time it is.
CREATE FUNCTION ${schema}.audit_begin(OUT sequence bigint, OUT hash bytea, OUT actor text, OUT at timestamptz) ${own} AS $begin$
BEGIN
  SELECT head.sequence, head.hash, session_user, clock_timestamp() INTO STRICT sequence, hash, actor, at
  FROM ${schema}.audit_head AS head FOR UPDATE;
END $begin$;

-- Appends one entry, which must follow the end of the chain and be of who appends it, and of now. An act has one intent or refusal, which
-- begins it, and one result by whoever began it.
CREATE FUNCTION ${schema}.audit_append(of_act uuid, text_of_entry text, entry_hash bytea, by_key bigint, entry_signature bytea)
RETURNS void ${own} AS $append$
DECLARE
  head record;
  told jsonb := text_of_entry::jsonb;
  before text[];
BEGIN
  SELECT audit_head.sequence, audit_head.hash INTO STRICT head FROM ${schema}.audit_head FOR UPDATE;
  IF told ->> 'sequence' IS DISTINCT FROM (head.sequence + 1)::text OR told ->> 'previous' IS DISTINCT FROM encode(head.hash, 'hex')
     OR told ->> 'act' IS DISTINCT FROM of_act::text OR told ->> 'actor' IS DISTINCT FROM session_user::text THEN
    RAISE EXCEPTION 'this entry does not follow the end of the audit' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  -- in one form, by which rows can be compared; a clock may be set back a little between two looks at it
  IF (told ->> 'at' ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{3}Z$') IS NOT TRUE THEN
    RAISE EXCEPTION 'this entry does not say when it is of' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  IF ((told ->> 'at')::timestamptz BETWEEN now() - interval '1 second' AND clock_timestamp() + interval '1 second') IS NOT TRUE THEN
    RAISE EXCEPTION 'this entry is not of now' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  SELECT array_agg(audit.entry::jsonb ->> 'step' || ' ' || (audit.entry::jsonb ->> 'actor')) INTO before FROM ${schema}.audit WHERE audit.act = of_act;
  IF before IS DISTINCT FROM (CASE told ->> 'step' WHEN 'result' THEN ARRAY['intent ' || session_user] END) THEN
    RAISE EXCEPTION 'this act has begun, has ended, or is of somebody else' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  INSERT INTO ${schema}.audit (sequence, act, entry, hash, key_id, signature)
  VALUES (head.sequence + 1, of_act, text_of_entry, entry_hash, by_key, entry_signature);
  UPDATE ${schema}.audit_head SET sequence = head.sequence + 1, hash = entry_hash;
END $append$;

-- Whether who asks may do this now: 'permitted' (and counted), 'no_right', 'over_limit', 'approval_needed', or of the approval that is named
-- 'approval_pending', 'approval_expired', 'approval_used' or 'approval_unfit', which is of something else. asked is as in the table approval.
CREATE FUNCTION ${schema}.permit(asked jsonb, with_approval uuid) RETURNS text ${own} AS $permit$
DECLARE
  wanted text := asked ->> 'action';
  in_domain text := asked ->> 'domain';
  amount integer := (asked ->> 'amount')::integer;
  today date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
  per_day bigint;
  alone bigint;
  today_so_far record;
  given record;
BEGIN
  IF amount IS NULL OR amount < 0 THEN RAISE EXCEPTION 'no amount' USING ERRCODE = 'invalid_parameter_value'; END IF;
  SELECT max(coalesce(policy.values_per_day, 2147483647)) INTO per_day ${holding};
  IF per_day IS NULL THEN RETURN 'no_right'; END IF;
  INSERT INTO ${schema}.spending (actor, day, action, domain, spent, alone) VALUES (session_user, today, wanted, in_domain, 0, 0)
  ON CONFLICT DO NOTHING;
  SELECT spending.spent, spending.alone INTO STRICT today_so_far FROM ${schema}.spending
  WHERE spending.actor = session_user AND spending.day = today AND spending.action = wanted AND spending.domain = in_domain FOR UPDATE;
  IF today_so_far.spent + amount > per_day THEN RETURN 'over_limit'; END IF;
  -- of the rows that leave room for so many the most generous: what no row allows by itself, no two of them do together
  SELECT max(coalesce(policy.approve_above, 2147483647)) INTO alone ${holding}
    AND coalesce(policy.values_per_day, 2147483647) >= today_so_far.spent + amount;
  -- taken away while this waited
  IF alone IS NULL THEN RETURN 'no_right'; END IF;
  -- one that is named is used, whether it is needed or not: the audit says that this act has it
  IF with_approval IS NOT NULL THEN
    SELECT * INTO given FROM ${schema}.approval
    WHERE approval.id = with_approval AND approval.actor = session_user AND approval.asked = permit.asked FOR UPDATE;
    IF NOT FOUND THEN RETURN 'approval_unfit'; END IF;
    IF given.used_at IS NOT NULL THEN RETURN 'approval_used'; END IF;
    IF given.expires_at <= clock_timestamp() THEN RETURN 'approval_expired'; END IF;
    IF given.approved_by IS NULL THEN RETURN 'approval_pending'; END IF;
    UPDATE ${schema}.approval SET used_at = clock_timestamp() WHERE approval.id = with_approval;
  ELSIF today_so_far.alone + amount <= alone OR amount = 0 THEN
    today_so_far.alone := today_so_far.alone + amount;
  ELSE
    RETURN 'approval_needed';
  END IF;
  UPDATE ${schema}.spending SET spent = spending.spent + amount, alone = today_so_far.alone
  WHERE spending.actor = session_user AND spending.day = today AND spending.action = wanted AND spending.domain = in_domain;
  RETURN 'permitted';
END $permit$;

-- Asks for a second person.
CREATE FUNCTION ${schema}.request_approval(new_id uuid, what jsonb, for_principal text, valid_seconds integer) RETURNS void ${own} AS $request$
BEGIN
  INSERT INTO ${schema}.approval (id, asked, actor, principal, expires_at)
  VALUES (new_id, what, session_user, for_principal, clock_timestamp() + make_interval(secs => least(greatest(valid_seconds, 1), 86400)));
END $request$;

-- What a second person is to look at. No list: its digest.
CREATE FUNCTION ${schema}.pending_approval(wanted_id uuid) RETURNS SETOF ${schema}.approval ${own} AS $pending$
BEGIN
  RETURN QUERY SELECT * FROM ${schema}.approval WHERE approval.id = wanted_id;
END $pending$;

-- Refuses a change of the policy, or an approval, that the audit does not tell: its last entry has to be of this transaction and of who
-- asks, and to name this very one. Whoever calls the functions below, from whatever program, leaves an entry or changes nothing.
CREATE FUNCTION ${schema}.require_told(of_action text, in_domain text, details jsonb) RETURNS void ${own} AS $told$
BEGIN
  -- xmin is the transaction that wrote the row, without the epoch that txid_current() has
  IF NOT EXISTS (
    SELECT FROM ${schema}.audit_head JOIN ${schema}.audit ON audit.sequence = audit_head.sequence
    WHERE audit.xmin::text = (txid_current() % 4294967296)::text AND audit.entry::jsonb ->> 'actor' = session_user::text
      AND audit.entry::jsonb ->> 'action' = of_action AND audit.entry::jsonb ->> 'step' = 'intent'
      AND audit.entry::jsonb ->> 'domain' = in_domain AND audit.entry::jsonb -> 'details' = require_told.details) THEN
    RAISE EXCEPTION 'this is told in the audit first, in its own transaction' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
END $told$;

-- Allows what was looked at, which the audit has to tell of in the same transaction: 'approved', or 'not_there', 'own', 'same', 'no_right',
-- 'changed', 'expired', 'taken'. by_principal is who AWS says is approving: 'same' is who it says has asked.
CREATE FUNCTION ${schema}.approve(wanted_id uuid, seen jsonb, by_principal text) RETURNS text ${own} AS $approve$
DECLARE
  waiting record;
  in_domain text;
BEGIN
  SELECT * INTO waiting FROM ${schema}.approval WHERE approval.id = wanted_id FOR UPDATE;
  IF NOT FOUND THEN RETURN 'not_there'; END IF;
  IF waiting.actor = session_user THEN RETURN 'own'; END IF;
  IF waiting.principal = by_principal THEN RETURN 'same'; END IF;
  in_domain := waiting.asked ->> 'domain';
  IF NOT EXISTS (
    SELECT FROM ${schema}.policy JOIN pg_roles ON pg_roles.rolname = policy.role AND pg_has_role(session_user, pg_roles.oid, 'MEMBER')
    WHERE policy.domain IN (in_domain, '*') AND policy.action = 'approve') THEN RETURN 'no_right'; END IF;
  IF waiting.asked IS DISTINCT FROM seen THEN RETURN 'changed'; END IF;
  IF waiting.expires_at <= clock_timestamp() THEN RETURN 'expired'; END IF;
  IF waiting.approved_by IS NOT NULL THEN RETURN 'taken'; END IF;
  PERFORM ${schema}.require_told('approve', in_domain,
    jsonb_build_object('approval', wanted_id, 'for', waiting.actor, 'of', waiting.asked -> 'action', 'with', waiting.asked -> 'details'));
  UPDATE ${schema}.approval SET approved_by = session_user, approved_at = clock_timestamp() WHERE approval.id = wanted_id;
  RETURN 'approved';
END $approve$;

-- Who may call what is granted role by role (maskline migrate --grants); nobody may by default.
REVOKE ALL ON FUNCTION ${schema}.refuse_change(), ${schema}.refuse_untold(), ${schema}.audit_tokens(uuid, bytea), ${schema}.audit_begin(),
  ${schema}.audit_append(uuid, text, bytea, bigint, bytea), ${schema}.permit(jsonb, uuid), ${schema}.request_approval(uuid, jsonb, text, integer),
  ${schema}.pending_approval(uuid), ${schema}.approve(uuid, jsonb, text) FROM PUBLIC;

-- Allows, in the place of what the role was allowed before: which is returned, NULL where that was nothing.
CREATE FUNCTION ${schema}.set_policy(of_role text, in_domain text, of_action text, per_day integer, alone integer)
RETURNS jsonb ${own} AS $set$
DECLARE
  before jsonb;
BEGIN
  PERFORM ${schema}.require_told('policy', in_domain, jsonb_build_object('change', 'allow', 'role', of_role, 'action', of_action,
    'values_per_day', per_day, 'approve_above', alone));
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = of_role) THEN
    RAISE EXCEPTION 'there is no such role' USING ERRCODE = 'undefined_object';
  END IF;
  SELECT jsonb_build_object('values_per_day', policy.values_per_day, 'approve_above', policy.approve_above) INTO before
  FROM ${schema}.policy WHERE policy.role = of_role AND policy.domain = in_domain AND policy.action = of_action FOR UPDATE;
  INSERT INTO ${schema}.policy AS kept (role, domain, action, values_per_day, approve_above, changed_by, changed_at)
  VALUES (of_role, in_domain, of_action, per_day, alone, session_user, clock_timestamp())
  ON CONFLICT (role, domain, action) DO UPDATE SET values_per_day = excluded.values_per_day, approve_above = excluded.approve_above,
    changed_by = excluded.changed_by, changed_at = excluded.changed_at;
  RETURN before;
END $set$;

-- Takes away. Returns what the role was allowed, NULL where that was nothing.
CREATE FUNCTION ${schema}.drop_policy(of_role text, in_domain text, of_action text) RETURNS jsonb ${own} AS $drop$
DECLARE
  before jsonb;
BEGIN
  PERFORM ${schema}.require_told('policy', in_domain, jsonb_build_object('change', 'deny', 'role', of_role, 'action', of_action));
  DELETE FROM ${schema}.policy WHERE policy.role = of_role AND policy.domain = in_domain AND policy.action = of_action
  RETURNING jsonb_build_object('values_per_day', policy.values_per_day, 'approve_above', policy.approve_above) INTO before;
  RETURN before;
END $drop$;

REVOKE ALL ON FUNCTION ${schema}.require_told(text, text, jsonb), ${schema}.set_policy(text, text, text, integer, integer),
  ${schema}.drop_policy(text, text, text) FROM PUBLIC;
`;
}
