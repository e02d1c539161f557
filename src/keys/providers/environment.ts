import { MasklineError } from "../../errors.ts";
import { readOnly, type RingStore } from "../ring-store.ts";
import { malformed } from "../strict-json.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** A ring in an environment variable, as its text or in base64, as platforms hand secrets to a container. Cannot be changed from here. */
export function environmentStore(name: string, environment: Environment): RingStore {
  const shown = `variable ${name}`;
  return {
    shown,
    plainMeans: "plain: whoever can read this process's environment has the keys",
    keepsHistory: false,
    writable: false,
    read: async () => readVariable(name, environment),
    create: () => Promise.reject(readOnly({ shown })),
    replace: () => Promise.reject(readOnly({ shown })),
  };
}

function readVariable(name: string, environment: Environment): string {
  const value = (Object.hasOwn(environment, name) ? environment[name] : undefined)?.trim() ?? "";
  if (value === "") {
    throw new MasklineError("keyring_missing", `the environment has no ${name}, or an empty one`, {
      next: `set ${name} to the ring's text, or to its base64`,
    });
  }
  if (value.startsWith("{")) return value;
  // `base64` breaks its lines
  const encoded = value.replaceAll(/\s+/g, "");
  const bytes = Buffer.from(encoded, "base64");
  if (bytes.toString("base64") !== encoded) throw malformed(`variable ${name}`, "a ring's JSON, or base64 of it", "another text");
  return bytes.toString("utf8");
}
