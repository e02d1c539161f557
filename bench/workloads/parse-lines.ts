// What a filter over JSON lines cannot be much cheaper than in this runtime: each line parsed, written again, and nothing done to it.
let rest = "";
process.stdin.setEncoding("utf8");
for await (const chunk of process.stdin as AsyncIterable<string>) {
  const lines = (rest + chunk).split("\n");
  rest = lines.pop() ?? "";
  let written = "";
  for (const line of lines) written += `${JSON.stringify(JSON.parse(line))}\n`;
  if (!process.stdout.write(written)) await new Promise((resolve) => process.stdout.once("drain", resolve));
}
