/**
 * Events, checked before they are sent as far as their types do not say it already.
 *
 * Types are generated from the service's own; what they cannot say is checked here as the stream
 * will check it. The service decides last, and names each event that it refuses.
 */
import type { components } from "./schema.js";
import type { WrongEvent } from "./errors.js";
import { InvalidEvents } from "./errors.js";

type Complete = components["schemas"]["Event"];
type Preset = "event_id" | "occurred_at";
type Draft<E> = E extends unknown
  ? Omit<E, Preset | "tenant"> & Partial<Pick<E, Extract<Preset, keyof E>>>
  : never;

/**
 * Something that happened. `event_id` names it: a repeat changes nothing; left out, it is a new
 * one. `occurred_at` is RFC 3339 or epoch seconds; left out, it is now.
 */
export type Event = Draft<Complete>;

const MAX_ID_BYTES = 512;
const MAX_EVENTS = 1_000;
const MAX_EVENT_BYTES = 1_048_576;
const MAX_BATCH_BYTES = 3 << 20;
const AHEAD_MS = 86_400_000;
const DATA_TYPES = ["documents", "attributes", "interactions", "preferences"];
const NAMES = ["event_id", "user_id", "item_id", "document_id", "same_as", "action", "removed_id"];
const REQUIRED: Readonly<Record<Event["type"], readonly string[]>> = {
  interaction: ["user_id", "item_id", "action"],
  preference: ["user_id", "chosen", "rejected"],
  document: ["user_id", "document_id", "text"],
  attributes: ["user_id", "attributes"],
  item: ["item_id", "text"],
  consent: ["user_id", "data_type", "granted"],
  erasure: ["user_id"],
  item_retired: ["item_id"],
  identity: ["user_id", "same_as"],
  removal: ["user_id", "data_type"],
};
const RFC3339 =
  /^(\d{4})-(\d{2})-(\d{2})[Tt]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$/;
const encoder = new TextEncoder();

class NotAnEvent extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** The bodies of the requests that carry these events; throws InvalidEvents. */
export function batchesOf(events: readonly Event[], nowMs: number): string[][] {
  const wrong: WrongEvent[] = [];
  const written: string[] = [];
  for (const [index, event] of events.entries()) {
    try {
      written.push(checked(event, nowMs));
    } catch (error) {
      if (!(error instanceof NotAnEvent)) throw error;
      wrong.push({ index, code: error.code, message: error.message });
    }
  }
  if (wrong.length > 0) throw new InvalidEvents(wrong);
  return batched(written);
}

function batched(written: readonly string[]): string[][] {
  const batches: string[][] = [];
  let sizeBytes = 0;
  for (const event of written) {
    const bytes = encoder.encode(event).length + 1;
    const last = batches.at(-1);
    if (last !== undefined && last.length < MAX_EVENTS && sizeBytes + bytes < MAX_BATCH_BYTES) {
      last.push(event);
      sizeBytes += bytes;
    } else {
      batches.push([event]);
      sizeBytes = bytes;
    }
  }
  return batches;
}

function checked(event: Event, nowMs: number): string {
  const whole: Readonly<Record<string, unknown>> = {
    ...event,
    event_id: event.event_id ?? crypto.randomUUID(),
    occurred_at: event.occurred_at ?? new Date(nowMs).toISOString(),
  };
  const required = REQUIRED[event.type] as readonly string[] | undefined;
  if (required === undefined) {
    const types = Object.keys(REQUIRED).join(", ");
    throw new NotAnEvent("unknown-type", `type must be one of ${types}`);
  }
  for (const name of required) {
    if (whole[name] === undefined || whole[name] === null) {
      throw new NotAnEvent("missing-field", `${name} is missing`);
    }
  }
  const written = JSON.stringify(whole, finite);
  if (/\\u[dD][89a-fA-F]/.test(written)) requireWellFormed(whole);
  for (const name of NAMES) requireName(name, whole[name]);
  requireTime(whole["occurred_at"], nowMs);
  requireMeaning(event);
  if (encoder.encode(written).length > MAX_EVENT_BYTES) {
    throw new NotAnEvent("too-large", `larger than ${MAX_EVENT_BYTES} bytes`);
  }
  return written;
}

/** JSON would say `null` for what is no number. */
function finite(_name: string, value: unknown): unknown {
  if (typeof value === "bigint" || (typeof value === "number" && !Number.isFinite(value))) {
    throw new NotAnEvent("not-json", "holds something that strict JSON cannot say");
  }
  return value;
}

function requireWellFormed(value: unknown): void {
  if (typeof value === "string" && /\p{Surrogate}/u.test(value)) {
    throw new NotAnEvent("not-json", "holds something that strict JSON cannot say");
  }
  if (typeof value === "object" && value !== null) {
    for (const [name, inner] of Object.entries(value)) {
      requireWellFormed(name);
      requireWellFormed(inner);
    }
  }
}

function requireName(name: string, value: unknown): void {
  if (value === undefined || value === null) return;
  if (typeof value !== "string") throw new NotAnEvent("wrong-type", `${name} must be a string`);
  const bytes = encoder.encode(value).length;
  if (bytes < 1 || bytes > MAX_ID_BYTES) {
    throw new NotAnEvent("invalid-id", `${name} must have 1 to ${MAX_ID_BYTES} bytes of UTF-8`);
  }
}

function requireTime(occurredAt: unknown, nowMs: number): void {
  let atMs: number;
  if (typeof occurredAt === "number") {
    atMs = occurredAt * 1_000;
  } else {
    atMs = typeof occurredAt === "string" ? instantMs(occurredAt) : Number.NaN;
    if (Number.isNaN(atMs)) {
      throw new NotAnEvent("invalid-field", "occurred_at is not an RFC 3339 date-time");
    }
  }
  if (!(atMs >= 0 && atMs <= nowMs + AHEAD_MS)) {
    throw new NotAnEvent("time-out-of-range", "occurred_at is before 1970 or too far ahead");
  }
}

function instantMs(text: string): number {
  const found = RFC3339.exec(text);
  if (found === null) return Number.NaN;
  const [, year, month, day] = found.map(Number);
  // Date.parse takes 31 February for a day of March.
  const date = new Date(Date.UTC(year ?? 0, (month ?? 0) - 1, day));
  return date.getUTCMonth() === (month ?? 0) - 1 ? Date.parse(text.toUpperCase()) : Number.NaN;
}

function requireMeaning(event: Event): void {
  switch (event.type) {
    case "preference": {
      const sides = { chosen: event.chosen, rejected: event.rejected };
      for (const [name, side] of Object.entries(sides)) {
        if ((side.item_id ?? null) === null === ((side.text ?? null) === null)) {
          throw new NotAnEvent("invalid-field", `${name} needs either item_id or text`);
        }
        requireName(`${name}.item_id`, side.item_id);
      }
      const { chosen, rejected } = sides;
      if ((chosen.item_id ?? null) === (rejected.item_id ?? null) &&
          (chosen.text ?? null) === (rejected.text ?? null)) {
        throw new NotAnEvent("invalid-field", "chosen and rejected are the same");
      }
      if (typeof event.strength === "number" && !(event.strength >= 0)) {
        throw new NotAnEvent("invalid-field", "strength must not be negative");
      }
      return;
    }
    case "document":
      for (const [at, item] of (event.about ?? []).entries()) requireName(`about.${at}`, item);
      return;
    case "consent":
      if (!DATA_TYPES.includes(event.data_type)) {
        throw new NotAnEvent("invalid-field", `data_type must be one of ${DATA_TYPES.join(", ")}`);
      }
      return;
    case "removal": {
      if (!DATA_TYPES.includes(event.data_type)) {
        throw new NotAnEvent("invalid-field", `data_type must be one of ${DATA_TYPES.join(", ")}`);
      }
      const stated = event.data_type === "attributes";
      const ofEvent = [event.removed_id, event.removed_at].map((one) => (one ?? null) !== null);
      const named = (event.attribute ?? null) !== null;
      if (named !== stated || ofEvent.some((given) => given === stated)) {
        throw new NotAnEvent(
          "invalid-field",
          "a removal names an attribute, or removed_id and removed_at of another kind",
        );
      }
      return;
    }
    case "identity":
      if (event.user_id === event.same_as) {
        throw new NotAnEvent("invalid-field", "same_as must differ from user_id");
      }
      return;
    default:
      return;
  }
}
