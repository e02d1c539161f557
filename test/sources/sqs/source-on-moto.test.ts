import { sourceSuite } from "./source-suite.ts";

await sourceSuite("moto");
