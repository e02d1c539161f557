import type { Sink } from "../../../src/pipeline/ports.ts";

/** A sink with some of its methods in another way. */
export function sinkThat(sink: Sink, otherwise: Partial<Sink>): Sink {
  return {
    load: (batch, halt) => sink.load(batch, halt),
    abandon: (position, messages, halt) => sink.abandon(position, messages, halt),
    noteReceived: (position, halt) => sink.noteReceived(position, halt),
    probe: () => sink.probe(),
    closeLane: (position, halt) => sink.closeLane(position, halt),
    close: () => sink.close(),
    ...otherwise,
  };
}
