import pg from "pg";

/** What the driver is asked: a text, one of its own queries, or statements that are sent together; a COPY is neither. */
type Asked = string | { text: string } | { statements: readonly { readonly sql: string }[] } | object;

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
    query(this: pg.Client, asked: Asked, ...rest: unknown[]): unknown {
      if (typeof asked === "string") return Reflect.apply(query, this, [change(asked), ...rest]);
      if ("text" in asked) return Reflect.apply(query, this, [{ ...asked, text: change(asked.text) }, ...rest]);
      // it is asked as it is: the driver talks to it
      if ("statements" in asked) asked.statements = asked.statements.map(({ sql, ...others }) => ({ ...others, sql: change(sql) }));
      return Reflect.apply(query, this, [asked, ...rest]);
    },
  });
  process.on("exit", () => {
    if (changed > 0) return;
    process.stderr.write(`no statement holds ${sought.source}: this control breaks nothing\n`);
    process.exitCode = 1;
  });
}
