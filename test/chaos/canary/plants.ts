import { fuzzConfiguration, fuzzTable } from "../fuzz/contract.ts";

/** Every type and mask but those that let a part of a value through on purpose, an attribute beside the body, and the vault. */
export const canaryConfiguration: string = `${fuzzConfiguration
  .split("\n")
  .filter((line) => !/^ {2}(?:ip_part|mail_part):/.test(line))
  .join("\n")
  .trimEnd()}
  via: { from: $attributes.via, type: text, required: false, mask: { kind: siv, domain: canary.via } }
  vaulted: { type: text, max: 80, required: false, mask: { kind: vault, domain: canary.vaulted, subject: user_id } }
`;

/** Refuses rows in each way that has its own words for them: a CHECK, a unique key, a trigger that says the whole row. */
export const canaryTable: string = `${fuzzTable.replace("mail_part text,", "via text, vaulted text,")};
  CREATE UNIQUE INDEX one_account ON fuzzed (account);
  CREATE FUNCTION closed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE 'closed for %', NEW USING DETAIL = NEW::text, HINT = NEW.ip; END $$;
  CREATE TRIGGER closed BEFORE INSERT ON fuzzed FOR EACH ROW WHEN (NEW.locale = 'XX') EXECUTE PROCEDURE closed()`;

/** What all canaries of a kind have in common: where one of them lies, this does. In each spelling that the product or a database may give it. */
export const stems: readonly string[] = [
  "Zq7cnry",
  "198.51.100.2",
  "2001:db8:c0de:cafe",
  "2001:0db8:c0de:cafe",
  "c0ffee47-11aa-4cab",
  "c0ffee4711aa4cab",
  "987-65-4",
  "98765432",
  "4111 1111 1111 1111",
  "4111111111111111",
];

/** A body, and whether it becomes a row by itself. */
export interface Planted {
  readonly body: string;
  readonly fits: boolean;
}

/** Makes canaries, each one's place written into it, and counts them. */
export class Plants {
  #planted = 0;

  get planted(): number {
    return this.#planted;
  }

  text(place: string): string {
    return `Zq7cnry-${place}-${this.#next()}`;
  }

  mail(): string {
    return `Zq7cnry.${this.#next()}@example.org`;
  }

  ip4(): string {
    return `198.51.100.2${this.#next() % 50}`;
  }

  ip6(): string {
    return `2001:DB8:c0de:cafe::${this.#next().toString(16)}`;
  }

  uuid(): string {
    return `C0FFEE47-11AA-4CAB-8000-${String(this.#next()).padStart(12, "0")}`;
  }

  ssn(): string {
    return `987-65-4${String(320 + (this.#next() % 10)).slice(-3)}`;
  }

  /** A fitting event: canaries wherever a value is masked or not named, none where it is stored as it is. */
  event(): Record<string, unknown> {
    return {
      user_id: "plain-user",
      device_type: "ios",
      locale: "FR",
      logins: 3,
      app_version: "2.3.0",
      seen: { at: "2024-01-31T23:59:59Z", [this.text("key")]: this.text("nested") },
      account: this.uuid(),
      ip: this.#next() % 2 === 0 ? this.ip4() : this.ip6(),
      mail: this.mail(),
      device_id: this.text("device").slice(0, 40),
      ssn: this.ssn(),
      vaulted: this.text("vaulted"),
      notes: `call ${this.mail()} at ${this.ip4()} or ${this.ip6()}, id ${this.uuid()}, ssn ${this.ssn()}, card 4111 1111 1111 1111`,
      details: { client: { ip: this.ip4() }, people: [{ mail: this.mail() }, { mail: this.mail() }] },
      [this.text("key")]: { [this.text("key")]: [this.text("list"), { deep: this.text("deep") }] },
    };
  }

  /** Events that the contract refuses: each field in turn holds a canary of each JSON type, and then every other one does too. */
  refusedByContract(): readonly Planted[] {
    const everywhere = (): Record<string, unknown> => ({
      ...this.event(),
      user_id: this.text("user"),
      device_type: this.text("type").slice(0, 32),
      locale: this.text("locale").slice(0, 32),
    });
    const wrongs: readonly ((place: string) => unknown)[] = [
      (place) => ({ [this.text(place)]: this.text(place) }),
      (place) => [this.text(place)],
      (place) => `${this.text(place)}\0`,
      (place) => this.text(place).padEnd(300, "x"),
    ];
    const refusing = [
      "user_id",
      "device_type",
      "locale",
      "logins",
      "score",
      "trusted",
      "app_version",
      "born",
      "account",
      "ip",
      "mail",
      "device_id",
    ];
    const bodies = refusing.flatMap((name) => wrongs.map((wrong) => JSON.stringify({ ...everywhere(), [name]: wrong(name) })));
    const inside = [
      { client: [this.text("client")] },
      { client: { ip: this.text("ip") } },
      { people: [{ mail: this.text("mail") }] },
      { [this.text("key")]: "\0" },
    ];
    const whole = [
      `not JSON ${this.text("body")}`,
      JSON.stringify([everywhere()]),
      JSON.stringify(this.text("body")),
      JSON.stringify(everywhere()).slice(0, -20),
      JSON.stringify({ ...everywhere(), rest: this.text("rest").repeat(5_000) }),
      `{"__proto__": ${JSON.stringify(everywhere())}}`,
      JSON.stringify({ ...everywhere(), ssn: this.text("ssn") }),
      JSON.stringify({ ...everywhere(), seen: { at: this.text("at") } }),
      ...inside.map((details) => JSON.stringify({ ...everywhere(), details })),
    ];
    return [...bodies, ...whole].map((body) => ({ body, fits: false }));
  }

  /** Events that the contract takes and the table does not. */
  refusedByTable(): readonly Planted[] {
    const taken = this.event();
    return [
      { body: JSON.stringify(taken), fits: true },
      { body: JSON.stringify({ ...this.event(), account: taken["account"] }), fits: false },
      { body: JSON.stringify({ ...this.event(), device_type: "toaster" }), fits: false },
      { body: JSON.stringify({ ...this.event(), locale: "XX" }), fits: false },
    ];
  }

  fitting(count: number): readonly Planted[] {
    return Array.from({ length: count }, () => ({ body: JSON.stringify(this.event()), fits: true }));
  }

  #next(): number {
    this.#planted += 1;
    return this.#planted;
  }
}
