export { Strata, type Asking, type AskingOfUsers, type Options, type Published } from "./client.js";
export * from "./errors.js";
export type { Event } from "./events.js";
export { joined, positionsOf, tokenOf, type Positions } from "./positions.js";
export { RetryBudget, type RetryPolicy } from "./retries.js";
export type { components, operations, paths } from "./schema.js";
