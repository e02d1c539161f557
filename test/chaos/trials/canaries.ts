import { setTimeout as pause } from "node:timers/promises";

import { startMaskline, startNode } from "../../harness/workspace.ts";
import { Outputs } from "../canary/outputs.ts";
import { canaryConfiguration, canaryTable, Plants, stems } from "../canary/plants.ts";
import { dumpTables } from "../canary/table-dump.ts";
import { openGround } from "../ground.ts";
import type { Trial } from "./trial.ts";

/** Canaries in messages of every kind, and a search through what the program says and what the tables hold. */
export const canaries: Trial = {
  name: "canaries",
  run: async (bench, program) => {
    const ground = await openGround(bench);
    const place = await ground.open({ config: canaryConfiguration, table: canaryTable });
    const plants = new Plants();
    const bodies = [...plants.fitting(10), ...plants.refusedByContract(), ...plants.refusedByTable()].map(({ body }) => body);
    ground.queues.send(place.queueUrl, bodies);
    const running = program === undefined ? startMaskline(place.folder, ["run", "--json"]) : startNode(place.folder, [program]);
    let ended = false;
    void running.finished.then(() => (ended = true));
    while (!ended && ground.queues.messages(place.queueUrl).length > 0) await pause(20);
    running.kill("SIGTERM");
    const { code, stdout, stderr } = await running.finished;
    if (code !== 0) bench.fail(`the run ended with ${code}: ${stderr.slice(-300)}`);
    const outputs = new Outputs();
    outputs.add("stdout", stdout);
    outputs.add("stderr", stderr);
    outputs.add("every table", await dumpTables(place, null));
    for (const leak of outputs.find(stems)) {
      bench.figures.add("leaks");
      bench.fail(`a canary lies in ${leak}`);
    }
  },
};
