import pg from "pg";

/** Changes statements on their way to the server, where what is to be broken stands in one. A process in which there was none to change fails. */
export function changeStatements(sought: RegExp, replacement: string): void {
  let changed = 0;
  const change = (text: string): string => {
    if (sought.test(text)) changed += 1;
    return text.replace(sought, replacement);
  };
  // oxlint-disable-next-line typescript/unbound-method -- called below with its own `this`
  const query = pg.Client.prototype.query;
  Object.assign(pg.Client.prototype, {
    query(this: pg.Client, asked: string | { text: string }, ...rest: unknown[]): unknown {
      const other = typeof asked === "string" ? change(asked) : { ...asked, text: change(asked.text) };
      return Reflect.apply(query, this, [other, ...rest]);
    },
  });
  process.on("exit", () => {
    if (changed > 0) return;
    process.stderr.write(`no statement holds ${sought.source}: this control breaks nothing\n`);
    process.exitCode = 1;
  });
}
