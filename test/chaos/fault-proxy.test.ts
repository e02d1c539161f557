import assert from "node:assert/strict";
import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import { afterEach, beforeEach, suite, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";

import { SteppedClock } from "../harness/stepped-clock.ts";
import { type FaultProxy, startFaultProxy } from "./fault-proxy.ts";

/** One end of a connection, and all that has happened at it. */
class End {
  readonly socket: net.Socket;
  text = "";
  ended = false;
  closed = false;
  code: string | null = null;

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => (this.text += chunk.toString()));
    socket.on("end", () => (this.ended = true));
    socket.on("close", () => (this.closed = true));
    socket.on("error", (error: NodeJS.ErrnoException) => (this.code = error.code ?? null));
  }
}

/** Other ends have their turns until it is so; a test that waits in vain fails by its own time limit. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await turn();
}

/** What was on its way through the kernel has had the time to arrive: a byte has gone round beside it. */
async function settle(): Promise<void> {
  const server = net.createServer((socket) => void socket.on("error", () => {}).pipe(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  for (let round = 0; round < 5; round += 1) {
    const socket = net.connect((server.address() as AddressInfo).port, "127.0.0.1");
    socket.end("x").resume();
    await once(socket, "close");
  }
  server.close();
}

suite("the fault proxy", { timeout: 60_000 }, () => {
  let clock: SteppedClock;
  let target: net.Server;
  let servers: End[];
  let proxy: FaultProxy;
  const clients: End[] = [];
  beforeEach(async () => {
    clock = new SteppedClock();
    servers = [];
    target = net.createServer({ allowHalfOpen: true }, (socket) => void servers.push(new End(socket)));
    await new Promise<void>((resolve) => target.listen(0, "127.0.0.1", resolve));
    const { port } = target.address() as AddressInfo;
    proxy = await startFaultProxy({ target: { host: "127.0.0.1", port }, seed: 3, protocol: "tcp", clock });
  });
  afterEach(async () => {
    await proxy.stop();
    for (const { socket } of [...clients, ...servers]) socket.destroy();
    await new Promise((resolve) => target.close(resolve));
  });

  /** A connection through the proxy, from end to end. */
  async function open(): Promise<{ readonly client: End; readonly server: End }> {
    const before = servers.length;
    const client = new End(net.connect({ port: proxy.port, host: "127.0.0.1", allowHalfOpen: true }));
    clients.push(client);
    await until(() => servers.length > before);
    return { client, server: servers[before] as End };
  }

  test("relays both ways, and each side's end by itself", async () => {
    const { client, server } = await open();
    client.socket.end("to the server");
    await until(() => server.ended);
    assert.equal(server.text, "to the server");
    assert.equal(client.ended, false);
    server.socket.end("to the client");
    await until(() => client.closed && server.closed);
    assert.equal(client.text, "to the client");
    await until(() => proxy.connections === 0);
    assert.equal(proxy.counters.bytes, 26);
    assert.deepEqual([client.code, server.code, proxy.counters.cuts, proxy.counters.resets], [null, null, 0, 0]);
  });

  test("relays more than fits into any buffer, to a slow reader too", async () => {
    const { client, server } = await open();
    server.socket.pause();
    client.socket.end("x".repeat(20_000_000));
    await settle();
    server.socket.resume();
    await until(() => server.ended);
    assert.equal(server.text.length, 20_000_000);
  });

  test("a reset of one side reaches the other as a reset", async () => {
    const { client, server } = await open();
    client.socket.resetAndDestroy();
    await until(() => server.closed);
    assert.equal(server.code, "ECONNRESET");
  });

  test("latency: what is sent arrives when its time is over", async () => {
    proxy.set({ delayMs: [200, 200] });
    const { client, server } = await open();
    client.socket.write("late");
    await settle();
    await clock.pass(199);
    await settle();
    assert.equal(server.text, "");
    await clock.pass(1);
    await until(() => server.text === "late");
  });

  test("latency that varies does not change the order", async () => {
    proxy.set({ delayMs: [0, 1_000] });
    const { client, server } = await open();
    for (const piece of "abcdefghij") {
      client.socket.write(piece);
      await settle();
    }
    for (let round = 0; round < 10; round += 1) {
      await clock.pass(1_000);
      await settle();
    }
    await until(() => server.text.length === 10);
    assert.equal(server.text, "abcdefghij");
  });

  test("bandwidth: a tenth of a second's bytes every tenth of a second", async () => {
    proxy.set({ bytesPerSecond: 100 });
    const { client, server } = await open();
    client.socket.write("x".repeat(25));
    await until(() => server.text.length === 10);
    await settle();
    assert.equal(server.text.length, 10);
    await clock.pass(100);
    await until(() => server.text.length === 20);
    await clock.pass(100);
    await until(() => server.text.length === 25);
  });

  test("slicing: tiny pieces with pauses between", async () => {
    proxy.set({ slice: { bytes: 2, pauseMs: 50 } });
    const { client, server } = await open();
    server.socket.write("abcde");
    for (const text of ["ab", "abcd", "abcde"]) {
      await until(() => client.text === text);
      await settle();
      assert.equal(client.text, text);
      await clock.pass(50);
    }
  });

  for (const how of ["cut", "reset"] as const) {
    test(`${how}: hits every open connection, on both sides`, async () => {
      const [one, other] = [await open(), await open()];
      assert.equal(proxy.connections, 2);
      assert.equal(proxy.cutAll(how), 2);
      const ends = [one.client, one.server, other.client, other.server];
      await until(() => ends.every(({ ended, closed }) => (how === "cut" ? ended : closed)));
      assert.ok(ends.every(({ code }) => code === (how === "cut" ? null : "ECONNRESET")));
      await until(() => proxy.connections === 0);
      assert.deepEqual([proxy.counters.cuts, proxy.counters.resets], how === "cut" ? [2, 0] : [0, 2]);
      const third = await open();
      third.client.socket.write("on");
      await until(() => third.server.text === "on");
    });
  }

  test("half-open: nothing goes through any more, not even that a side has closed, until it is ended", async () => {
    const { client, server } = await open();
    assert.equal(proxy.cutAll("half_open"), 1);
    assert.equal(proxy.cutAll("half_open"), 0);
    client.socket.write("unheard");
    server.socket.write("unheard");
    client.socket.destroy();
    await settle();
    assert.deepEqual([client.text, server.text, server.ended, server.closed], ["", "", false, false]);
    assert.equal(proxy.connections, 1);
    assert.equal(proxy.endHalfOpen(), 1);
    await until(() => server.closed);
    assert.equal(proxy.counters.halfOpens, 1);
  });

  test("silence in one direction: the other goes on, and what waits arrives later", async () => {
    const { client, server } = await open();
    proxy.set({ silence: "to_client" });
    client.socket.write("asked");
    await until(() => server.text === "asked");
    server.socket.write("answered");
    await settle();
    assert.equal(client.text, "");
    proxy.set({ silence: "none" });
    await until(() => client.text === "answered");
  });

  test("a cut after n bytes: so many arrive, and no more", async () => {
    proxy.set({ endAfterBytes: [1_000, 1_000], endHow: "cut" });
    const { client, server } = await open();
    client.socket.write("x".repeat(5_000));
    await until(() => server.ended && client.ended);
    assert.equal(server.text.length, 1_000);
    const again = await open();
    again.server.socket.write("x".repeat(999));
    await until(() => again.client.text.length === 999);
    proxy.set({ endAfterBytes: null });
    again.server.socket.write("x".repeat(999));
    await until(() => again.client.text.length === 1_998);
  });

  test("where it is drawn, it follows from the seed", async () => {
    const drawnBy = async (seed: number): Promise<readonly number[]> => {
      await proxy.stop();
      const { port } = target.address() as AddressInfo;
      proxy = await startFaultProxy({ target: { host: "127.0.0.1", port }, seed, protocol: "tcp", clock });
      proxy.set({ endAfterBytes: [1, 1_000], endHow: "cut" });
      const lengths: number[] = [];
      for (let attempt = 0; attempt < 5; attempt += 1) {
        const { client, server } = await open();
        client.socket.write("x".repeat(1_000));
        await until(() => server.ended);
        lengths.push(server.text.length);
      }
      return lengths;
    };
    const lengths = await drawnBy(3);
    assert.equal(new Set(lengths).size, 5);
    assert.deepEqual(await drawnBy(3), lengths);
    assert.notDeepEqual(await drawnBy(4), lengths);
  });

  test("down: connections are reset, present and new ones, and all is well again when it is over", async () => {
    const { client } = await open();
    proxy.set({ down: true });
    await until(() => client.closed);
    const refused = new End(net.connect(proxy.port, "127.0.0.1"));
    await until(() => refused.closed);
    assert.deepEqual([client.code, refused.code], ["ECONNRESET", "ECONNRESET"]);
    assert.deepEqual([proxy.counters.resets, proxy.counters.refused], [1, 1]);
    proxy.set({ down: false });
    await open();
  });

  test("a target that is not there is a reset", async () => {
    await new Promise((resolve) => target.close(resolve));
    const client = new End(net.connect(proxy.port, "127.0.0.1"));
    await until(() => client.closed);
    assert.equal(client.code, "ECONNRESET");
    target.listen(0, "127.0.0.1");
  });

  test("a stop ends all connections", async () => {
    const { client, server } = await open();
    await proxy.stop();
    await until(() => client.closed && server.closed);
  });
});
