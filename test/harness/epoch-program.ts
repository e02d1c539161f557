import { loadSettings } from "../../src/app/config/load.ts";
import { keepEpochs } from "../../src/app/keys/epoch.ts";

/** `maskline keys epoch` at another time than now: to be killed. */
const [file = "", nowMs = ""] = process.argv.slice(2);
await keepEpochs(loadSettings({ file, environment: {}, overrides: [], unset: "nowhere" }), {
  nowMs: Number(nowMs),
  destroyOlderMonths: null,
  confirm: () => Promise.reject(new Error("nothing is destroyed")),
  stop: new AbortController().signal,
});
