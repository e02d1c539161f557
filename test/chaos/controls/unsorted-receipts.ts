import { brokenRun } from "./broken-run.ts";
import { changeStatements } from "./change-statements.ts";

// Writes its receipts in an order of its own.
changeStatements(/ORDER BY sent_at, id COLLATE "C"/, "ORDER BY md5(id || pg_backend_pid()::text)");
await brokenRun({});
