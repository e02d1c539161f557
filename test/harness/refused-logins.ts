import { readFile, writeFile } from "node:fs/promises";

import { starterConfig } from "../../src/app/starter.ts";
import { openWorkspace, type ServersForWorkspace, type Workspace } from "./workspace.ts";

/** What every act on the quarantine says for itself. */
export const why: readonly string[] = ["--reason", "the field is optional now", "--ticket", "OPS-7"];

export interface RefusedLogins {
  /** Refused for what a mended contract lets through. */
  readonly mendable: number;
  /** Refused by every contract. */
  readonly hopeless: number;
  readonly good?: number;
}

/** A login event that the starter contract refuses, as it has no version. */
export function versionless(user: string, ip: string = "203.0.113.77"): string {
  return JSON.stringify({ user_id: user, device_type: "ios", ip, device_id: "593-47-5928", locale: "DE" });
}

/** A workspace whose queue was drained into table and quarantine, with a person who may replay: the user of its configuration. */
export async function refusedLogins(
  servers: ServersForWorkspace,
  { mendable, hopeless, good = 0 }: RefusedLogins,
  options: { readonly limits?: string; readonly bodies?: readonly string[] } = {},
): Promise<Workspace> {
  const place = await openWorkspace(servers, { config: `${starterConfig}\nlimits: { refused: null, share: null }\n` });
  await place.database.query(
    "allowing",
    "INSERT INTO maskline.policy (role, domain, action) VALUES (session_user, 'quarantine', 'replay')",
  );
  const whole = (user: string): string => versionless(user).replace("}", ',"app_version":"2.3.0"}');
  const bodies = [
    ...Array.from({ length: mendable }, (_, index) => versionless(`mendable-${index}`)),
    ...Array.from({ length: hopeless }, (_, index) => `not json ${index}`),
    ...Array.from({ length: good }, (_, index) => whole(`good-${index}`)),
    ...(options.bodies ?? []),
  ];
  await place.send(bodies);
  const ran = await place.maskline("run", "--max-messages", String(bodies.length));
  if (ran.code !== 0) throw new Error(ran.stderr);
  return place;
}

/** Lets events without a version through. */
export async function mendContract(place: Workspace): Promise<void> {
  await changeContract(place, /app_version: .*/, "app_version: { type: version, as: major }");
}

export async function changeContract({ file }: Workspace, pattern: RegExp | string, replacement: string): Promise<void> {
  const text = await readFile(file, "utf8");
  const changed = text.replace(pattern, replacement);
  if (changed === text) throw new Error("nothing in the configuration was changed");
  await writeFile(file, changed);
}

/** How often each mended message is a row, and how many there should be. */
export async function lostAndDoubled(
  place: Pick<Workspace, "database">,
  mendable: number,
): Promise<{ lost: number; doubled: number }> {
  const [row] = await place.database.query<{ rows: number; users: number }>(
    "counting",
    "SELECT count(*)::int AS rows, count(DISTINCT user_id)::int AS users FROM user_logins WHERE user_id LIKE 'mendable-%'",
  );
  const { rows = 0, users = 0 } = row ?? {};
  return { lost: mendable - users, doubled: rows - users };
}
