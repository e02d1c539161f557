import assert from "node:assert/strict";
import { createCipheriv, createHmac, createSecretKey, hkdfSync } from "node:crypto";

import { aessiv, cmac as nobleCmac } from "@noble/ciphers/aes.js";
import { FF1 } from "@noble/ciphers/ff1.js";

import { formatIp, parseIp } from "../src/contract/ip.ts";
import { TextColumn } from "../src/contract/text-column.ts";
import { createMask } from "../src/masks/create-mask.ts";
import {
  canOpen,
  canRecognise,
  type DomainKeys,
  type Mask,
  type MaskDefinition,
  maskFacts,
  type MaskKind,
} from "../src/masks/mask.ts";
import type { Baseline, Entry, EntryPlan } from "./entry.ts";
import { addresses, batchesOf, ids, mixedTexts, nineDigits, uuids } from "./inputs.ts";
import { referenceCmac, referenceSiv } from "./reference.ts";

const domain = "user_logins.ip";
const root = Buffer.from("0102030405060708091011121314151617181920212123242526272829303132", "hex");
const keyId = 0x0000_04d2;
const oneCall = 1024;

function keyOf(kind: MaskKind): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", root, "", `mask/v1/${kind}/${domain}`, maskFacts[kind].keyLengthBytes ?? 0));
}

function maskOf(kind: MaskKind, parts: Partial<MaskDefinition> = {}): Mask {
  const key = { id: keyId, key: keyOf(kind) };
  const keys: DomainKeys = { primary: key, known: [key] };
  return createMask({ kind, domain, type: "text", encode: "text", key: null, settings: {}, ...parts }, keys);
}

/** What one would write first, and what the ratios are of. */
function hmacBaseline(values: readonly string[]): Baseline {
  const key = createSecretKey(keyOf("hmac"));
  return {
    name: "createHmac",
    pass: () => {
      for (const value of values) createHmac("sha256", key).update(value).digest("base64url");
      return values.length;
    },
  };
}

/** The same construction, a value at a time. The values are few: it is slow. */
function plainBaseline(values: readonly string[], tokenOf: (value: string) => string): Baseline {
  const some = values.slice(0, 256);
  return {
    name: "node:crypto",
    pass: () => {
      for (const value of some) tokenOf(value);
      return some.length;
    },
  };
}

const sivReference = referenceSiv(keyOf("siv"), Buffer.from(domain));
const cmacReference = referenceCmac(keyOf("cmac"));
const tag = Buffer.from("01000004d2", "hex");

/** Bytes that are masked for a value. */
type Encode = (value: string) => Uint8Array;
const asText: Encode = (value) => Buffer.from(value);
const asAddress: Encode = (value) => parseIp(value) ?? new Uint8Array();
const asUuid: Encode = (value) => Buffer.from(value.replaceAll("-", ""), "hex");

function sivToken(bytes: Uint8Array): string {
  const token = Buffer.concat([tag, sivReference(bytes)]).toString("base64url");
  assert.deepEqual(
    Buffer.from(token, "base64url").subarray(5),
    Buffer.from(aessiv(keyOf("siv"), Buffer.from(domain)).encrypt(bytes)),
  );
  return token;
}

function cmacToken(bytes: Uint8Array): string {
  const token = cmacReference(bytes).toString("base64url");
  assert.equal(token, Buffer.from(nobleCmac(bytes, keyOf("cmac"))).toString("base64url"));
  return token;
}

interface Masking {
  readonly kind: MaskKind;
  readonly parts?: Partial<MaskDefinition>;
  readonly values: readonly string[];
  readonly tokenOf: (value: string) => string;
  readonly batch?: number;
  readonly baseline?: Baseline;
  readonly target?: number;
}

function masking(name: string, { kind, parts = {}, values, tokenOf, batch = oneCall, baseline, target }: Masking): EntryPlan {
  return {
    name: `${name}, batch ${batch}`,
    make: () => {
      const mask = maskOf(kind, parts);
      const batches = batchesOf(values, batch);
      return {
        unit: "value",
        pass: () => {
          for (const each of batches) mask.apply(each);
          return values.length;
        },
        baseline: baseline ?? hmacBaseline(values),
        prove: () =>
          assert.deepEqual(
            batches.flatMap((each) => mask.apply(each)),
            values.map(tokenOf),
          ),
        target: target ?? null,
      };
    },
  };
}

/** The same from column to column, as the pipeline masks. */
function writing(name: string, { kind, parts = {}, values, tokenOf }: Masking): EntryPlan {
  return {
    name: `${name}, to a column, batch ${oneCall}`,
    make: () => {
      const mask = maskOf(kind, parts);
      const batches = batchesOf(values, oneCall).map((each) => TextColumn.of(each));
      const tokens = new TextColumn();
      const write = (plain: TextColumn): TextColumn => {
        tokens.truncate(0);
        mask.write(plain, tokens);
        return tokens;
      };
      return {
        unit: "value",
        pass: () => {
          for (const each of batches) write(each);
          return values.length;
        },
        baseline: hmacBaseline(values),
        prove: () =>
          assert.deepEqual(
            batches.flatMap((each) => write(each).texts()),
            values.map(tokenOf),
          ),
        target: null,
      };
    },
  };
}

const packedAddress = { type: "ip", encode: "packed" } as const;
const packedUuid = { type: "uuid", encode: "packed" } as const;
const sivText = (value: string): string => sivToken(asText(value));
const cmacText = (value: string): string => cmacToken(asText(value));

const siv: readonly EntryPlan[] = [
  masking("siv, address as text", { kind: "siv", values: addresses, tokenOf: sivText, target: 7 }),
  masking("siv, address packed", {
    kind: "siv",
    parts: packedAddress,
    values: addresses,
    tokenOf: (value) => sivToken(asAddress(value)),
  }),
  masking("siv, id of 11 characters", { kind: "siv", values: ids, tokenOf: sivText }),
  masking("siv, UUID packed", { kind: "siv", parts: packedUuid, values: uuids, tokenOf: (value) => sivToken(asUuid(value)) }),
  masking("siv, UUID as text", { kind: "siv", values: uuids, tokenOf: sivText }),
  masking("siv, texts of 4 to 60 characters", { kind: "siv", values: mixedTexts, tokenOf: sivText }),
  writing("siv, address packed", {
    kind: "siv",
    parts: packedAddress,
    values: addresses,
    tokenOf: (value) => sivToken(asAddress(value)),
  }),
  writing("siv, id of 11 characters", { kind: "siv", values: ids, tokenOf: sivText }),
  writing("siv, UUID packed", { kind: "siv", parts: packedUuid, values: uuids, tokenOf: (value) => sivToken(asUuid(value)) }),
  writing("siv, texts of 4 to 60 characters", { kind: "siv", values: mixedTexts, tokenOf: sivText }),
  masking("siv, address as text", { kind: "siv", values: addresses, tokenOf: sivText, batch: 64 }),
  masking("siv, address as text", { kind: "siv", values: addresses, tokenOf: sivText, batch: 16 }),
  masking("siv, address as text", {
    kind: "siv",
    values: addresses,
    tokenOf: sivText,
    batch: 1,
    baseline: plainBaseline(addresses, (value) => Buffer.concat([tag, sivReference(asText(value))]).toString("base64url")),
    target: 1,
  }),
];

const cmac: readonly EntryPlan[] = [
  masking("cmac, address as text", { kind: "cmac", values: addresses, tokenOf: cmacText, target: 20 }),
  masking("cmac, address packed", {
    kind: "cmac",
    parts: packedAddress,
    values: addresses,
    tokenOf: (value) => cmacToken(asAddress(value)),
  }),
  masking("cmac, texts of 4 to 60 characters", { kind: "cmac", values: mixedTexts, tokenOf: cmacText }),
  writing("cmac, address as text", { kind: "cmac", values: addresses, tokenOf: cmacText }),
  masking("cmac, address as text", { kind: "cmac", values: addresses, tokenOf: cmacText, batch: 16 }),
  masking("cmac, address as text", {
    kind: "cmac",
    values: addresses,
    tokenOf: cmacText,
    batch: 1,
    baseline: plainBaseline(addresses, (value) => cmacReference(asText(value)).toString("base64url")),
    target: 1,
  }),
];

const vault: readonly EntryPlan[] = [
  masking("vault, address as text", {
    kind: "vault",
    values: addresses,
    tokenOf: (value) => Buffer.from(nobleCmac(asText(value), keyOf("vault"))).toString("base64url"),
  }),
];

function hmacToken(value: string): string {
  return createHmac("sha256", keyOf("hmac")).update(value).digest().toString("base64url", 0, 16);
}

function ff1Token(value: string): string {
  return FF1(10, keyOf("ff1")).encrypt(Array.from(value, Number)).join("");
}

function ipcryptToken(value: string): string {
  return formatIp(createCipheriv("aes-128-ecb", keyOf("ipcrypt"), null).update(asAddress(value)));
}

const others: readonly EntryPlan[] = [
  masking("hmac, address as text", { kind: "hmac", values: addresses, tokenOf: hmacToken }),
  writing("hmac, address as text", { kind: "hmac", values: addresses, tokenOf: hmacToken }),
  masking("ff1, 9 digits", { kind: "ff1", values: nineDigits, tokenOf: ff1Token, target: 2 }),
  masking("ipcrypt, address", { kind: "ipcrypt", parts: { type: "ip" }, values: addresses, tokenOf: ipcryptToken }),
  inverse("ipcrypt-pfx, address", "ipcrypt-pfx", { type: "ip" }),
];

/** For what has no second implementation at hand: every value comes back, and the golden one is what it always was. */
function inverse(name: string, kind: MaskKind, parts: Partial<MaskDefinition>): EntryPlan {
  const plan = masking(name, { kind, parts, values: addresses, tokenOf: (value) => value });
  return {
    name: plan.name,
    make: () => {
      const mask = maskOf(kind, parts);
      const prove = (): void => {
        assert.deepEqual(mask.apply(["203.0.113.77"]), ["37.251.114.164"]);
        assert.ok(canOpen(mask));
        const opened = mask.open(mask.apply(addresses).map((token) => token ?? ""));
        assert.deepEqual(
          opened,
          addresses.map((value) => ({ value })),
        );
      };
      return { ...plan.make(), prove };
    },
  };
}

const back: readonly EntryPlan[] = [
  { name: `siv, opening tokens, batch ${oneCall}`, make: () => opening({}, addresses) },
  { name: `siv, opening tokens of packed addresses, batch ${oneCall}`, make: () => opening(packedAddress, addresses) },
  { name: `siv, looking for tokens among values, batch ${oneCall}`, make: looking },
];

function opening(parts: Partial<MaskDefinition>, values: readonly string[]): Omit<Entry, "name"> {
  const mask = maskOf("siv", parts);
  assert.ok(canOpen(mask));
  const tokens = batchesOf(values, oneCall).map((each) => mask.apply(each));
  return {
    unit: "value",
    pass: () => {
      for (const each of tokens) mask.open(each);
      return values.length;
    },
    baseline: hmacBaseline(values),
    prove: () =>
      assert.deepEqual(
        tokens.flatMap((each) => mask.open(each)),
        values.map((value) => ({ value })),
      ),
    target: null,
  };
}

function looking(): Omit<Entry, "name"> {
  const mask = maskOf("siv");
  assert.ok(canRecognise(mask));
  const batches = batchesOf(addresses, oneCall);
  return {
    unit: "value",
    pass: () => {
      for (const each of batches) mask.recognises(each);
      return addresses.length;
    },
    baseline: hmacBaseline(addresses),
    prove: () => {
      assert.ok(!mask.recognises(addresses).includes(true));
      assert.ok(!mask.recognises(mask.apply(addresses)).includes(false));
    },
    target: null,
  };
}

/** The one table of what is timed. */
export const maskPlans: readonly EntryPlan[] = [...siv, ...cmac, ...vault, ...others, ...back];
