import { scalarOptions } from "../../app/config/overrides.ts";
import { configurationSchema, type OptionSchema } from "../../app/config/schema.ts";
import { starterConfig } from "../../app/starter.ts";
import { reasons } from "../../contract/fault.ts";
import { errorCodes, exitCodes } from "../../errors.ts";
import { maskFacts, maskKinds } from "../../masks/mask.ts";
import { commands } from "../commands.ts";
import { commandHelp, overview } from "../help.ts";
import { canonicalFormsPage } from "./canonical-forms.ts";
import { code, made, table } from "./markdown.ts";

/** A file under docs/reference, made from the code's own declarations. */
export interface ReferencePage {
  readonly file: string;
  readonly text: string;
}

export async function referencePages(): Promise<readonly ReferencePage[]> {
  return [
    { file: "configuration.md", text: configurationPage() },
    { file: "maskline.schema.json", text: `${JSON.stringify(configurationSchema, null, 2)}\n` },
    { file: "errors.md", text: errorsPage() },
    { file: "reasons.md", text: reasonsPage() },
    { file: "masks.md", text: masksPage() },
    { file: "canonical-forms.md", text: canonicalFormsPage() },
    { file: "commands.md", text: await commandsPage() },
  ];
}

function configurationPage(): string {
  const variables = new Map(scalarOptions().map(({ name, variable }) => [name, variable]));
  return `${made}
# maskline.yaml

Defaults < file < environment < flags. \`\${NAME}\` in a value is replaced from the environment (\`$$\` is a plain dollar sign). An option that
holds one value can also be set by its variable, or with \`--set option=value\` (secrets not: a command line can be read by others).

${table(["option", "what", "allowed", "default", "variable"], optionRows(configurationSchema, "", variables))}

## A starter file

\`\`\`yaml
${starterConfig}\`\`\`
`;
}

function optionRows(
  schema: OptionSchema,
  path: string,
  variables: ReadonlyMap<string, string>,
  described = new Map<OptionSchema, string>(),
): string[][] {
  const inner = schema.properties ?? {};
  const rows = Object.entries(inner).flatMap(([name, option]) => {
    const here = path === "" ? name : `${path}.${name}`;
    const needed = schema.required?.includes(name)
      ? "**required**"
      : option.default === undefined
        ? ""
        : code(JSON.stringify(option.default));
    const isGroup = option.properties !== undefined || typeof option.additionalProperties === "object";
    const row = [
      code(here),
      option.description ?? "",
      isGroup ? "" : allowed(option),
      isGroup ? "" : needed,
      code(variables.get(here) ?? ""),
    ];
    // a group that stands in several places is described once
    const first = described.get(option);
    if (isGroup && first !== undefined) return [[code(here), `As ${code(first)}.`, "", "", ""]];
    described.set(option, here);
    return [row, ...optionRows(option, here, variables, described)];
  });
  const each = schema.additionalProperties;
  return typeof each === "object" ? [...rows, ...optionRows(each, `${path}.NAME`, variables, described)] : rows;
}

function allowed({ type, enum: values, items, minimum, maximum, secret }: OptionSchema): string {
  const choices = values ?? items?.enum;
  if (choices) return `${items ? "a list of " : ""}${choices.map(code).join(", ")}`;
  const orNull = [type ?? []].flat().includes("null") ? " or null" : "";
  if (minimum !== undefined) return `${minimum} ${maximum === undefined ? "or more" : `to ${maximum}`}${orNull}`;
  return `${[type ?? []].flat().join(", ")}${secret ? " (secret)" : ""}`;
}

function errorsPage(): string {
  const rows = Object.entries(errorCodes).map(([name, { exit, retryable, meaning }]) => [
    code(name),
    meaning,
    String(exitCodes[exit]),
    retryable ? "yes" : "no",
  ]);
  return `${made}
# Errors

Every error names one of these codes (\`error.code\` with \`--json\`), says what happened and where, and what to type next. None holds a value
of a message.

${table(["code", "meaning", "exit code", "may pass by itself"], rows)}

## Exit codes

${table(
  ["exit code", "name"],
  Object.entries(exitCodes).map(([name, value]) => [String(value), name]),
)}
`;
}

function reasonsPage(): string {
  return `${made}
# Reasons

Why a message is in the quarantine. The codes are stable.

${table(
  ["reason", "meaning"],
  Object.entries(reasons).map(([name, meaning]) => [code(name), meaning]),
)}
`;
}

function masksPage(): string {
  const rows = maskKinds.map((kind) => {
    const facts = maskFacts[kind];
    return [
      code(kind),
      facts.reversible ? "with the key" : "no",
      yesNo(facts.tagged),
      facts.reversible ? yesNo(facts.authenticated) : "",
      yesNo(facts.keepsEquality),
      facts.keeps,
      facts.keyLengthBytes === null ? "" : String(facts.keyLengthBytes),
      facts.types.map(code).join(", "),
      facts.options.map(code).join(", "),
    ];
  });
  return `${made}
# Masks

What each kind of mask keeps and gives away. \`maskline check\` shows the same for your own contract, with the longest token of each column.

${table(["kind", "reversible", "token names its key", "forgery noticed", "keeps equality", "keeps", "key, bytes", "types", "options"], rows)}

A mask that keeps equality gives equal values equal tokens, and unequal values unequal ones: duplicates stay visible, values do not.
`;
}

function yesNo(value: boolean): string {
  return value ? "yes" : "no";
}

async function commandsPage(): Promise<string> {
  const pages = await Promise.all(
    commands.map(async (entry) => `## maskline ${entry.name}\n\n\`\`\`text\n${commandHelp(entry, await entry.load())}\n\`\`\`\n`),
  );
  return `${made}\n# Commands\n\n\`\`\`text\n${overview()}\n\`\`\`\n\n${pages.join("\n")}`;
}
