import type { Sink } from "../../../src/pipeline/ports.ts";

/** A sink with some of its methods in another way. */
export function sinkThat(sink: Sink, otherwise: Partial<Sink>): Sink {
  return {
    load: (batch, halt) => sink.load(batch, halt),
    abandon: (position, messages) => sink.abandon(position, messages),
    noteReceived: (position, halt) => sink.noteReceived(position, halt),
    probe: () => sink.probe(),
    closeLane: (position) => sink.closeLane(position),
    close: () => sink.close(),
    ...otherwise,
  };
}
