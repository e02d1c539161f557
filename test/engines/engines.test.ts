import assert from "node:assert/strict";
import { test } from "node:test";

import { Client } from "pg";

import { startPgbouncer, pgbouncerMissing } from "./pgbouncer.ts";
import { postgresServers } from "./postgres-servers.ts";
import { type SqsProtocol, sqsServers } from "./sqs-servers.ts";

async function listQueues(endpoint: string, protocol: SqsProtocol): Promise<string> {
  const query = protocol === "query";
  const response = await fetch(endpoint, {
    method: "POST",
    headers: {
      "content-type": query ? "application/x-www-form-urlencoded" : "application/x-amz-json-1.0",
      ...(query ? {} : { "x-amz-target": "AmazonSQS.ListQueues" }),
      // moto plays many services, and tells them apart by the scope of the credentials
      authorization: "AWS4-HMAC-SHA256 Credential=a/20250101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=a",
    },
    body: query ? "Action=ListQueues&Version=2012-11-05" : "{}",
  });
  assert.equal(response.status, 200);
  return response.text();
}

for (const server of await sqsServers()) {
  test(`${server.name} answers in ${server.protocols.join(" and ")}`, { skip: server.missing ?? false }, async () => {
    const running = await server.start();
    try {
      for (const protocol of server.protocols) {
        assert.match(await listQueues(running.endpoint, protocol), protocol === "json" ? /^\{/ : /^<[^]*ListQueuesResponse/);
      }
    } finally {
      await running.stop();
    }
    await assert.rejects(fetch(running.endpoint));
  });
}

for (const server of postgresServers()) {
  test(`PostgreSQL "${server.name}" starts, alone and behind pgbouncer`, { skip: server.missing ?? false }, async (context) => {
    const running = await server.start();
    const pooler = pgbouncerMissing === null ? await startPgbouncer(running) : null;
    if (pooler === null) context.diagnostic(`alone only: ${pgbouncerMissing}`);
    try {
      for (const url of [running.url, ...(pooler === null ? [] : [pooler.url])]) {
        const client = new Client({ connectionString: url });
        await client.connect();
        const { rows } = await client.query<{ version: string }>("SELECT current_setting('server_version') AS version");
        assert.equal(rows[0]?.version.split(" ")[0], running.version);
        await client.end();
      }
    } finally {
      await pooler?.stop();
      await running.stop();
    }
  });
}

test("behind pgbouncer two clients share one session", { skip: pgbouncerMissing ?? false }, async () => {
  const [server] = postgresServers();
  assert.ok(server);
  const running = await server.start();
  const pooler = await startPgbouncer(running, { poolSize: 1 });
  const clients = [0, 1].map(() => new Client({ connectionString: pooler.url }));
  try {
    const seen = new Set<number>();
    for (const client of clients) await client.connect();
    for (const client of clients) {
      const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
      for (const { pid } of rows) seen.add(pid);
    }
    assert.equal(seen.size, 1);
  } finally {
    for (const client of clients) await client.end();
    await pooler.stop();
    await running.stop();
  }
});
