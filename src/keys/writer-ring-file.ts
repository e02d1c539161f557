import { createHash, createSecretKey } from "node:crypto";

import { columnOptions } from "../contract/options.ts";
import { maskFacts, maskKinds } from "../masks/mask.ts";
import { checkBytes, recoveryKeyBytes } from "./derive.ts";
import { keyStates } from "./keyset.ts";
import { sealingKeyBytes } from "./sealing-key.ts";
import {
  malformed,
  parseJson,
  readBase64,
  readFormat,
  readKeyId,
  readList,
  readMembers,
  readOneOf,
  readName,
} from "./strict-json.ts";
import { type DerivedKey, type SubjectKey, WriterKeyRing } from "./writer-ring.ts";

export const writerFormat = "maskline-writer-keyring";
const version = 1;

/** Kinds that have a key. */
const keyedKinds = maskKinds.filter((kind) => maskFacts[kind].keyed);
const longestDomain = columnOptions.properties.mask.properties.domain.maxLength;

/** The ring as a file holds it, keys included. */
export function serializeWriterRing(ring: WriterKeyRing): string {
  const content = contentOf(ring);
  return `${JSON.stringify({ ...content, digest: digestOf(content) }, null, 2)}\n`;
}

function contentOf(ring: WriterKeyRing): object {
  return {
    format: writerFormat,
    version,
    primaryKeyId: ring.primaryId,
    keys: ring.keys.map(({ id, status }) => ({ id, status })),
    derived: ring.derived.map(({ kind, domain, keyId, key, check }) => ({
      kind,
      domain,
      keyId,
      key: key.export().toString("base64"),
      check: check.toString("base64"),
    })),
    sealing: ring.sealing.map(({ id, publicKey }) => ({ id, publicKey: Buffer.from(publicKey).toString("base64") })),
    // only where a vault needs them: the ring of a contract without one stays what it was
    ...(ring.subjects.length === 0
      ? {}
      : { subjects: ring.subjects.map(({ keyId, key }) => ({ keyId, key: key.export().toString("base64") })) }),
  };
}

/**
 * SHA-256 over all else. A full ring that was damaged shows in the check values the database keeps; here they stand beside the keys
 * and would still be right, and a damaged public key would seal what nobody can open. It finds damage, not a forger.
 */
function digestOf(content: object): string {
  return createHash("sha256").update(JSON.stringify(content)).digest("base64");
}

/** @throws MasklineError `keyring_malformed` */
export function parseWriterRing(text: string): WriterKeyRing {
  const file = parseJson(text);
  readFormat(file, writerFormat, version);
  const hasSubjects = typeof file === "object" && file !== null && "subjects" in file;
  const names = ["format", "version", "primaryKeyId", "keys", "derived", "sealing", ...(hasSubjects ? ["subjects"] : []), "digest"];
  const members = readMembers(file, "the file", names);
  const ring = new WriterKeyRing(
    readKeyId(members["primaryKeyId"], "primaryKeyId"),
    readList(members["keys"], "keys").map((key, index) => {
      const { id, status } = readMembers(key, `keys[${index}]`, ["id", "status"]);
      return { id: readKeyId(id, `keys[${index}].id`), status: readOneOf(status, `keys[${index}].status`, keyStates) };
    }),
    // none, when no column has a keyed mask: the ring still seals
    readList(members["derived"], "derived", 0).map((key, index) => readDerived(key, `derived[${index}]`)),
    readList(members["sealing"], "sealing").map((key, index) => {
      const place = `sealing[${index}]`;
      const { id, publicKey } = readMembers(key, place, ["id", "publicKey"]);
      return { id: readKeyId(id, `${place}.id`), publicKey: readBase64(publicKey, `${place}.publicKey`, sealingKeyBytes) };
    }),
    hasSubjects ? readList(members["subjects"], "subjects").map((key, index) => readSubject(key, `subjects[${index}]`)) : [],
  );
  if (members["digest"] !== digestOf(contentOf(ring)))
    throw malformed("digest", "that of the ring", "another: the file was altered");
  return ring;
}

function readSubject(value: unknown, place: string): SubjectKey {
  const { keyId, key } = readMembers(value, place, ["keyId", "key"]);
  return { keyId: readKeyId(keyId, `${place}.keyId`), key: createSecretKey(readBase64(key, `${place}.key`, recoveryKeyBytes)) };
}

function readDerived(value: unknown, place: string): DerivedKey {
  const members = readMembers(value, place, ["kind", "domain", "keyId", "key", "check"]);
  const kind = readOneOf(members["kind"], `${place}.kind`, keyedKinds);
  return {
    kind,
    domain: readName(members["domain"], `${place}.domain`, longestDomain),
    keyId: readKeyId(members["keyId"], `${place}.keyId`),
    key: createSecretKey(readBase64(members["key"], `${place}.key`, maskFacts[kind].keyLengthBytes ?? 0)),
    check: readBase64(members["check"], `${place}.check`, checkBytes),
  };
}
