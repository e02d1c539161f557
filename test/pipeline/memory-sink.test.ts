import { identityConformance } from "../conformance/identity.ts";
import { sinkConformance, type SinkUnderTest } from "../conformance/sink.ts";
import { MemorySink } from "../harness/memory-sink.ts";

sinkConformance("memory", openMemorySink);
identityConformance("memory", openMemorySink);

async function openMemorySink(): Promise<SinkUnderTest> {
  let broken = false;
  const sink = new MemorySink(() => {
    if (broken) throw new RangeError("broken");
  });
  return {
    sink,
    rows: async () => sink.rows,
    account: async () => {
      const lanes = new Set(sink.ledger.map(({ lane }) => lane));
      const lastReceived = [...lanes].map((lane) => sink.ledger.filter((row) => row.lane === lane).map(({ received }) => received));
      const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
      return {
        received: sum(lastReceived.map((received) => Math.max(...received))),
        settled: sum(sink.ledger.map(({ settled }) => settled)),
        returned: sum(sink.ledger.map(({ returned }) => returned)),
        closed: lanes.size > 0 && [...lanes].every((lane) => sink.closed.some((position) => position.lane === lane)),
      };
    },
    breakDown: async () => {
      broken = true;
    },
    repair: async () => {
      broken = false;
    },
    close: () => sink.close(),
  };
}
