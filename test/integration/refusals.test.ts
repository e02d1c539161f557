import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import { type PostgresServer, startPostgres } from "../../src/demo/postgres-server.ts";
import type { ErrorCode } from "../../src/errors.ts";
import { personal, type Refused, RefusingPlace, why } from "../harness/refusals.ts";

/** The commands that have to be explained, and what each is an act upon. `free`: it counts nothing, so that no limit holds. */
interface Explained {
  readonly args: (place: RefusingPlace) => readonly string[];
  readonly stdin?: (place: RefusingPlace) => string;
  readonly action: string;
  readonly domain: string;
  readonly free?: true;
}

const token = ({ tokens }: RefusingPlace): string => tokens["masked_ip"] ?? "";
const reveal = ["reveal", "--column", "masked_ip", "--plain-output"];

const commands: Readonly<Record<string, Explained>> = {
  verify: { args: () => ["verify", "--column", "masked_ip"], stdin: () => personal.ip, action: "verify", domain: "login.ip" },
  reveal: { args: () => reveal, stdin: token, action: "reveal", domain: "login.ip" },
  "reveal --where": { args: () => [...reveal, "--where", "user_id=u-1"], action: "reveal", domain: "login.ip" },
  "reveal --partial": { args: () => [...reveal, "--partial"], stdin: token, action: "reveal-partial", domain: "login.ip" },
  erase: { args: () => ["erase", "--subject", "user_id"], stdin: () => "u-1", action: "erase", domain: "*" },
  "erase --dry-run": {
    args: () => ["erase", "--subject", "user_id", "--dry-run"],
    stdin: () => "u-1",
    action: "erase",
    domain: "*",
    free: true,
  },
  "quarantine replay": { args: () => ["quarantine", "replay", "--all"], action: "replay", domain: "quarantine" },
  "quarantine replay --dry-run": {
    args: () => ["quarantine", "replay", "--all", "--dry-run"],
    action: "replay",
    domain: "quarantine",
  },
  "quarantine discard": { args: () => ["quarantine", "discard", "--all"], action: "replay", domain: "quarantine" },
  "quarantine show --masked": {
    args: ({ message }) => ["quarantine", "show", message, "--masked"],
    action: "reveal-partial",
    domain: "quarantine",
  },
};

/** Who is refused, how the call differs, with what error, and what the audit is told. */
interface Refusal {
  readonly person: string;
  readonly says?: readonly string[];
  readonly without?: string;
  readonly code: ErrorCode;
  readonly told: string;
  /** A limit's, which holds for what counts only. */
  readonly counts?: true;
  /** Seen at this command alone: it is the same code for all. */
  readonly only?: string;
}

const refusals: Readonly<Record<string, Refusal>> = {
  "no reason": { person: "officer", says: ["--ticket", "T-1"], code: "usage", told: "unexplained" },
  "no ticket": {
    person: "officer",
    says: ["--reason", "asked for by the court"],
    code: "usage",
    told: "unexplained",
    only: "reveal",
  },
  "no reason worth the name": {
    person: "officer",
    says: ["--reason", "x", "--ticket", "T-1"],
    code: "usage",
    told: "unexplained",
    only: "reveal",
  },
  "no right": { person: "nobody", code: "right_missing", told: "no_right" },
  "over the day's limit": { person: "spent", code: "limit_reached", told: "over_limit", counts: true },
  "no second person": { person: "paired", code: "approval_needed", told: "approval_needed", counts: true },
  "no SELECT on mask_definition": {
    person: "officer",
    without: "SELECT ON maskline.mask_definition",
    code: "database_denied",
    told: "database_denied",
  },
  "no SELECT on ring_key": {
    person: "officer",
    without: "SELECT ON maskline.ring_key",
    code: "database_denied",
    told: "database_denied",
    only: "erase",
  },
};

/** Approvals that allow nothing, made of one that would, and what the audit is told. */
const expired = { change: "expires_at = now() - interval '1 second'", told: "approval_expired" };
const other = (part: string, value: string): { readonly change: string; readonly told: string } => ({
  change: `asked = jsonb_set(asked, '{${part}}', '"${value}"')`,
  told: "approval_unfit",
});
const unfit: Readonly<Record<string, typeof expired>> = {
  expired,
  "not given": { change: "approved_by = NULL, approved_at = NULL", told: "approval_pending" },
  used: { change: "used_at = now()", told: "approval_used" },
  "of another list": other("list", "ab".repeat(32)),
  "of another person": { change: "actor = 'somebody_else'", told: "approval_unfit" },
  "of another act": other("action", "approve"),
  "of another domain": other("domain", "login.elsewhere"),
  "for another reason": other("reason", "the court asked for it"),
  "that goes elsewhere": other("details,to", "terminal"),
  "that is not there": { change: "id = md5(random()::text)::uuid", told: "approval_unfit" },
};

suite("who is refused sees nothing, changes nothing, and is told of in the audit", () => {
  let server: PostgresServer;
  let place: RefusingPlace;
  before(async () => {
    server = await startPostgres();
    place = await RefusingPlace.create(server);
    for (const person of ["officer", "nobody", "spent", "paired"]) await place.person(person);
    for (const action of ["verify", "reveal", "reveal-partial", "erase", "replay"]) {
      await place.revealing.governed.allow("officer", action);
      await place.revealing.governed.allow("spent", action, { perDay: 1 });
      await place.revealing.governed.allow("paired", action, { alone: 0 });
    }
    // what was asked for, and a day later too: midnight may come
    await place.query(
      `INSERT INTO maskline.spending (actor, day, action, domain, spent, alone)
       SELECT 'spent', (now() AT TIME ZONE 'UTC')::date + later, action, domain, 1, 1
       FROM generate_series(0, 1) AS later, unnest($1::text[]) AS action, unnest($2::text[]) AS domain`,
      [
        ["verify", "reveal", "reveal-partial", "erase", "replay"],
        ["login.ip", "quarantine", "*"],
      ],
    );
  });
  after(async () => {
    await place?.close();
    await server?.stop();
  });

  for (const [command, explained] of Object.entries(commands)) {
    const { action, domain, free = false } = explained;
    const attempt = (refusal: Omit<Refusal, "told">, told: readonly string[]): Refused => ({
      person: refusal.person,
      args: [...explained.args(place), ...(refusal.says ?? why)],
      stdin: explained.stdin?.(place) ?? "",
      ...(refusal.without === undefined ? {} : { without: refusal.without }),
      code: refusal.code,
      told: told.map((refused) => ["refusal", action, domain, { refused }]),
    });

    for (const [name, refusal] of Object.entries(refusals)) {
      if ((free && refusal.counts === true) || (refusal.only ?? command) !== command) continue;
      test(`${command}, ${name}: ${refusal.code}`, async () => {
        await place.assertRefused(attempt(refusal, [refusal.told]));
      });
    }

    if (free) continue;
    let asked: Promise<string> | undefined;
    for (const [name, { change, told }] of Object.entries(command === "reveal" ? unfit : { expired })) {
      test(`${command}, with an approval ${name}: approval_unfit`, async () => {
        asked ??= place.asksForApproval("paired", [...explained.args(place), ...why], explained.stdin?.(place) ?? "");
        const says = [...why, "--approval", await place.approved(await asked, change)];
        await place.assertRefused(attempt({ person: "paired", says, code: "approval_unfit" }, [told]));
      });
    }
  }

  test("with an approval that is given, of this list and person, in time, it opens: the tests above would have seen values", async () => {
    const call = { person: "paired", stdin: token(place) };
    const asked = await place.asksForApproval("paired", [...reveal, ...why], token(place));
    const done = await place.run({ ...call, args: [...reveal, ...why, "--approval", await place.approved(asked)] });
    assert.match(done.stdout, new RegExp(personal.ip));
  });
});
