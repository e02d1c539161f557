import { type Command, commonFlags, type Flag } from "./command.ts";
import { type CommandEntry, commands, groups } from "./commands.ts";

/** The first page: what maskline does and every command, grouped. */
export function overview(): string {
  const width = Math.max(...commands.map(({ name }) => name.length)) + 2;
  const sections = groups.map((group) =>
    [
      `${group}:`,
      ...commands.filter((entry) => entry.group === group).map(({ name, summary }) => `  ${name.padEnd(width)}${summary}`),
    ].join("\n"),
  );
  return `maskline: JSON events off a queue, checked, masked under keys, loaded into Postgres. One effect for each message.

usage: maskline COMMAND [flags]

${sections.join("\n\n")}

first steps:
  maskline demo             see the whole job on this machine, nothing to set up
  maskline init             then edit maskline.yaml and set DATABASE_URL
  maskline keys create      make the key ring it names; back it up
  maskline migrate          make schema maskline; your own table is never touched
  maskline check --connect  everything that can be checked before the first message
  maskline preview          ten real messages as rows and refusals; nothing is stored
  maskline run --drain      empty the queue, then end

exit codes: 0 done, 1 failed, 2 usage or configuration, 3 something does not fit (table, rights, keys, queue),
            4 outage (nothing is lost: run again), 5 a drain, rekey or backfill that is not at its end,
            6 too many messages were refused (maskline resume), 7 the policy does not allow it, 130 interrupted
more: maskline COMMAND --help`;
}

export function commandHelp({ name, summary }: CommandEntry, command: Command): string {
  const flags = { ...command.flags, ...commonFlags };
  const left = ([flag, { short, value }]: readonly [string, Flag]): string =>
    `  ${short === undefined ? "    " : `-${short}, `}--${flag}${value === undefined ? "" : ` ${value}`}`;
  const width = Math.max(...Object.entries(flags).map((entry) => left(entry).length)) + 2;
  const lines = Object.entries(flags).map((entry) => `${left(entry).padEnd(width)}${entry[1].doc}`);
  const exampleWidth = Math.max(...command.examples.map(([line]) => line.length)) + 2;
  const examples = command.examples.map(([line, does]) => `  ${line.padEnd(exampleWidth)}${does}`);
  return `maskline ${name}: ${summary}

usage: maskline ${name}${command.operands === undefined ? "" : ` ${command.operands}`} [flags]

${command.about}

flags:
${lines.join("\n")}

examples:
${examples.join("\n")}`;
}
