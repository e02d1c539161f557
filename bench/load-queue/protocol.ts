import type { BacklogPlan } from "./backlog.ts";
import type { Counted } from "./process.ts";

/** What the runner asks of the server's process. */
export type Order =
  | {
      readonly do: "open";
      readonly name: string;
      readonly backlog: BacklogPlan;
      readonly visibilityMs: number;
      /** Tell when so many deletes are done. */
      readonly markAtDeletes: number;
    }
  | { readonly do: "count"; readonly name: string; readonly ask: number }
  | { readonly do: "close"; readonly name: string };

/** What the process tells. */
export type Notice =
  | { readonly event: "listening"; readonly endpoint: string }
  | { readonly event: "opened"; readonly name: string; readonly url: string }
  | { readonly event: "first_receive" | "mark" | "drained"; readonly name: string; readonly counted: Counted }
  | { readonly event: "counted"; readonly ask: number; readonly counted: Counted };
