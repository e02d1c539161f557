import type { Output } from "./actions.ts";
import type { Wire } from "./json-wire.ts";
import { isReceived, receivedOutput } from "./received.ts";

const contentType = "text/xml";
const namespace = "http://queue.amazonaws.com/doc/2012-11-05/";
const requestId = "<ResponseMetadata><RequestId>00000000-0000-0000-0000-000000000000</RequestId></ResponseMetadata>";

/** Lists and maps that the Query protocol writes under a singular: its name, the JSON protocol's, and whether it is a map. */
const plurals: readonly (readonly [string, string, "list" | "map"])[] = [
  ["AttributeName", "AttributeNames", "list"],
  ["MessageSystemAttributeName", "MessageSystemAttributeNames", "list"],
  ["MessageAttributeName", "MessageAttributeNames", "list"],
  ["Attribute", "Attributes", "map"],
  ["MessageAttribute", "MessageAttributes", "map"],
];

/** The old protocol of SQS: a form in, XML out. */
export function queryWire(form: string, path: string): Wire {
  const tree: Tree = {};
  for (const [key, value] of new URLSearchParams(form)) plant(tree, key.split("."), value);
  const action = typeof tree["Action"] === "string" ? tree["Action"] : "";
  const input: Record<string, unknown> = withPlurals(tree);
  if (input["QueueUrl"] === undefined && path.length > 1) input["QueueUrl"] = path;
  const entries = tree[`${action}RequestEntry`];
  if (entries !== undefined) input["Entries"] = inOrder(entries).map((entry) => withPlurals(entry as Tree));
  return {
    action,
    input,
    output: (output) => {
      const result = `<${action}Result>${elements(isReceived(output) ? receivedOutput(output) : output, `${action}ResultEntry`)}</${action}Result>`;
      return answer(200, `<${action}Response xmlns="${namespace}">${result}${requestId}</${action}Response>`);
    },
    fault: ({ queryCode, message, status }) => {
      const type = status < 500 ? "Sender" : "Receiver";
      const error = `<Error><Type>${type}</Type><Code>${queryCode}</Code><Message>${escape(message)}</Message><Detail/></Error>`;
      return answer(status, `<ErrorResponse xmlns="${namespace}">${error}<RequestId>0</RequestId></ErrorResponse>`);
    },
  };
}

type Tree = { [name: string]: Tree | string };

function plant(tree: Tree, [name = "", ...rest]: readonly string[], value: string): void {
  if (name === "__proto__") return;
  if (rest.length === 0) {
    tree[name] = value;
    return;
  }
  const below = (tree[name] ??= {});
  if (typeof below === "object") plant(below, rest, value);
}

function inOrder(numbered: Tree | string): readonly (Tree | string)[] {
  if (typeof numbered === "string") return [];
  return Object.keys(numbered)
    .sort((one, other) => Number(one) - Number(other))
    .flatMap((number) => numbered[number] ?? []);
}

function withPlurals(tree: Tree): Record<string, unknown> {
  const input: Record<string, unknown> = { ...tree };
  for (const [singular, plural, kind] of plurals) {
    const found = tree[singular];
    if (found === undefined) continue;
    const items = inOrder(found);
    input[plural] =
      kind === "list" ? items : Object.fromEntries(items.map((item) => [(item as Tree)["Name"], (item as Tree)["Value"]]));
  }
  return input;
}

const itemNames: Readonly<Record<string, string>> = {
  Messages: "Message",
  QueueUrls: "QueueUrl",
  Failed: "BatchResultErrorEntry",
  Attributes: "Attribute",
  MessageAttributes: "MessageAttribute",
};

function elements(output: Output, batchItem: string): string {
  let xml = "";
  for (const [name, value] of Object.entries(output)) {
    const item = name === "Successful" ? batchItem : (itemNames[name] ?? name);
    if (Array.isArray(value)) {
      for (const one of value as readonly (Output | string)[]) xml += element(item, one, batchItem);
    } else if (typeof value === "object" && value !== null) {
      for (const [key, one] of Object.entries(value))
        xml += `<${item}><Name>${escape(key)}</Name>${element("Value", one as Output, batchItem)}</${item}>`;
    } else {
      xml += element(name, String(value), batchItem);
    }
  }
  return xml;
}

function element(name: string, value: Output | string, batchItem: string): string {
  return `<${name}>${typeof value === "string" ? escape(value) : elements(value, batchItem)}</${name}>`;
}

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#xD;" };

function escape(text: string): string {
  return text.replace(/[&<>"\r]/g, (character) => entities[character] ?? "");
}

function answer(status: number, body: string): ReturnType<Wire["output"]> {
  return { status, contentType, body: `<?xml version="1.0"?>${body}` };
}
