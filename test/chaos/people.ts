import { loginGenerator } from "../../src/demo/sample-login.ts";
import { type SampleRandom, sampleRandom } from "../../src/demo/sample-random.ts";
import type { Sent } from "./oracle.ts";
import type { Bench } from "./scenario.ts";
import { onStage, type Stage } from "./stage.ts";

/** A login event says whose it is, and an address that the vault keeps. */
interface PersonalEvent {
  readonly person: string;
  readonly mail: string;
}

const columns = `  person:           { type: text, max: 40, required: true }
  masked_mail:      { from: mail, type: text, max: 80, mask: { kind: vault, domain: login.mail, subject: person } }
`;

/** Does some work on a stage whose contract has a vault, with the rights to erase and to reveal. */
export async function onPeoplesStage<T>(bench: Bench, work: (stage: Stage, people: People) => Promise<T>): Promise<T> {
  return onStage(bench, { maxReceiveCount: 1_000, visibilitySeconds: 3, columns }, async (stage) => {
    await stage.admin.query("ALTER TABLE public.user_logins ADD COLUMN person text, ADD COLUMN masked_mail text");
    await stage.admin.query(
      "INSERT INTO maskline.policy (role, domain, action) VALUES (session_user, '*', 'erase'), (session_user, '*', 'reveal')",
    );
    return work(stage, new People(stage, sampleRandom(bench.random.word())));
  });
}

/** Sends events of persons. */
export class People {
  readonly #stage: Stage;
  readonly #nextLogin: ReturnType<typeof loginGenerator>;

  constructor(stage: Stage, random: SampleRandom) {
    this.#stage = stage;
    this.#nextLogin = loginGenerator(random);
  }

  send(events: readonly PersonalEvent[]): void {
    this.#stage.sendAll(events.map((event) => ({ body: JSON.stringify({ ...this.#nextLogin(), ...event }), fate: "row" })));
  }

  /** Of these the contract refuses the address they came from; whose they are can be read. */
  sendRefused(events: readonly PersonalEvent[]): void {
    this.#stage.sendAll(
      events.map((event) => ({ body: JSON.stringify({ ...this.#nextLogin(), ip: "no address", ...event }), fate: "quarantine" })),
    );
  }
}

export function readEvent({ body }: Pick<Sent, "body">): PersonalEvent & { readonly user_id: string } {
  return JSON.parse(body) as PersonalEvent & { readonly user_id: string };
}

/** The arguments of an erasure; for whom it is comes on stdin. */
export function eraseCommand({ nullTokens = false }: { readonly nullTokens?: boolean } = {}): readonly string[] {
  const why = ["--reason", "a request under article 17", "--ticket", "CHAOS-17"];
  return ["erase", "--subject", "person", ...why, ...(nullTokens ? ["--null-tokens"] : [])];
}
