import pg from "pg";

import { brokenRun } from "./broken-run.ts";

// Writes its receipts in an order of its own. The order stands in the load's statement, so it is changed on the way to the server.
const sorted = /ORDER BY sent_at, id\b/g;
let changed = 0;

// oxlint-disable-next-line typescript/unbound-method -- called below with its own `this`
const query = pg.Client.prototype.query;
Object.assign(pg.Client.prototype, {
  query(this: pg.Client, asked: string | { text: string }, ...rest: unknown[]): unknown {
    const unsort = (text: string): string =>
      text.replace(sorted, () => {
        changed += 1;
        return "ORDER BY md5(id || pg_backend_pid()::text)";
      });
    return Reflect.apply(query, this, [
      typeof asked === "string" ? unsort(asked) : { ...asked, text: unsort(asked.text) },
      ...rest,
    ]);
  },
});
process.on("exit", () => {
  if (changed > 0) return;
  process.stderr.write("no statement sorts receipts: this control breaks nothing\n");
  process.exitCode = 1;
});
await brokenRun({});
