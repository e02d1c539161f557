/** A file of undici's that has no declarations of its own. */
declare module "undici/lib/dispatcher/pool.js" {
  export { Pool as default } from "undici";
}
