import { sourceSuite } from "./source-suite.ts";

await sourceSuite("the server for load");
