import { readFile } from "node:fs/promises";

import { systemPostgres } from "../../engines/postgres-servers.ts";
import { disguises } from "../../harness/canary.ts";
import { Outputs } from "../canary/outputs.ts";
import { canaryConfiguration, canaryTable, Plants, stems } from "../canary/plants.ts";
import { sendWithAttribute } from "../canary/send-attribute.ts";
import { dumpTables } from "../canary/table-dump.ts";
import { WatchedCommands } from "../canary/watched-commands.ts";
import { Ways } from "../canary/ways.ts";
import { openGround } from "../ground.ts";
import type { Bench, Scenario } from "../scenario.ts";

/** The server writes down every statement with its parameters: what it is never given, it cannot write. */
const settings = {
  log_statement: "all",
  log_min_duration_statement: "0",
  log_error_verbosity: "verbose",
  log_min_messages: "info",
  log_lock_waits: "on",
  log_temp_files: "0",
};

/** Canaries in every field, key name and error path, and then a search through everything that anyone but the process itself can see. */
export const canary: Scenario = {
  name: "canary",
  about: "personal values in every field and every way to fail; none lies in any output, log, table or file, in any form",
  least: { canaries: [5_000, 10_000] },
  run: async (bench) => {
    const system = systemPostgres();
    if (system === null) bench.skip("pg_dump", "no PostgreSQL under /usr/lib/postgresql: the tables are read one by one");
    const ground = await openGround(bench, { settings, ...(system === null ? {} : { binaries: system.binaries }) });
    const place = await ground.open({ config: canaryConfiguration, table: canaryTable, visibilitySeconds: 3 });
    const outputs = new Outputs();
    const watched = await WatchedCommands.open(place, outputs);
    bench.defer(() => watched.close());
    const plants = new Plants();

    await sendWithAttribute(place.queueUrl, "via", plants.text("attribute"), plants.fitting(1)[0]?.body ?? "");
    await new Ways(bench, { ground, place, watched, plants }).goAll();

    outputs.add("every table", await dumpTables(place, system?.folder ?? null));
    outputs.add("the server's log", await readFile(ground.postgres.logFile));
    await outputs.addFolder("working folder", place.folder);
    await ground.postgres.shutDown();
    await outputs.addFolder("the server's data folder", ground.postgres.dataFolder);
    bench.figures.add("canaries", plants.planted);
    search(bench, outputs);
  },
};

function search(bench: Bench, outputs: Outputs): void {
  const found = outputs.find(stems);
  bench.figures.add("leaks", found.length);
  for (const leak of found) bench.fail(`a canary lies in ${leak}`);
  bench.say(
    `${outputs.names.length} outputs of ${Math.round(outputs.bytes / 1_048_576)} MiB searched for ${stems.length} stems in ${disguises("x").length} forms`,
  );

  // an empty or misplaced output would hold no canary either
  for (const [name, text] of [
    ["the server's log", "plain-user"],
    ["every table", "plain-user"],
    ["the server's sessions", "fuzzed"],
    ["processes: cmdline", "--drain"],
  ] as const) {
    if (!outputs.has(name, text)) bench.fail(`${name} does not hold what it should: nothing can be told from it`);
  }
  bench.figures.add("controls");
  if (findsWhatIsPlanted(bench)) bench.figures.add("controlsCaught");
}

/** Each stem in each form, in the middle of something else. */
function findsWhatIsPlanted(bench: Bench): boolean {
  const overlooked = stems.flatMap((stem) =>
    disguises(`${stem}1f-rest`).flatMap(({ name, pattern }) => {
      const output = new Outputs();
      output.add("planted", Buffer.concat([Buffer.from("before "), pattern, Buffer.from(" behind")]));
      return output.find([stem]).length > 0 ? [] : [`${stem} (${name})`];
    }),
  );
  for (const name of overlooked) bench.fail(`the search overlooks ${name}`);
  return overlooked.length === 0;
}
