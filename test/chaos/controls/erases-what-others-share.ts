import { changeStatements } from "./change-statements.ts";

// An erasure that does not look whose a value is beside: its original goes, and everybody's link to it.
changeStatements(/(DELETE FROM \S+\.vault_link WHERE .*) AND subject = ANY \(\$3::bytea\[\]\)/, "$1 AND $3::bytea[] IS NOT NULL");
await import("../../../src/cli/main.ts");
