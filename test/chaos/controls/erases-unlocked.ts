import { changeStatements } from "./change-statements.ts";

// An erasure that looks for others' links without a lock: of two at once each sees the other's.
changeStatements(/(SELECT FROM \S+\.vault WHERE .* ORDER BY domain, token) FOR UPDATE/, "$1");
await import("../../../src/cli/main.ts");
