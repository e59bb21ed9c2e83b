/**
 * What can go wrong.
 *
 *     StrataError
 *     ├── InvalidEvents       events were not sent, each named by its index
 *     ├── Unreachable         no answer
 *     │   └── TimedOut
 *     ├── UnexpectedAnswer    an answer in another form
 *     └── Refused             a problem of the service (RFC 9457)
 *         ├── InvalidRequest
 *         │   └── KeyReused
 *         ├── Forbidden
 *         ├── NotKnown
 *         │   ├── UnknownPersona
 *         │   └── UnknownItem
 *         ├── KeyInUse
 *         ├── TooMany
 *         └── Unavailable
 *             ├── NotYet
 *             └── EventsNotTaken
 */
import type { components } from "./schema.js";

export type Problem = components["schemas"]["Problem"];

export class StrataError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** One event that is none. `code` is a fixed word, as the service and dead letters use it. */
export interface WrongEvent {
  readonly index: number;
  readonly code: string;
  readonly message: string;
}

/** Nothing was sent. */
export class InvalidEvents extends StrataError {
  constructor(readonly wrong: readonly WrongEvent[]) {
    const first = wrong[0];
    super(
      first === undefined
        ? "no event is wrong"
        : `event ${first.index}: ${first.message} (${first.code})` +
            (wrong.length > 1 ? `, and ${wrong.length - 1} more` : ""),
    );
  }
}

/** No answer came. */
export class Unreachable extends StrataError {}

/** No answer came in time. */
export class TimedOut extends Unreachable {}

/** An answer that this client cannot read. */
export class UnexpectedAnswer extends StrataError {}

/** The service says no, and why. */
export class Refused extends StrataError {
  constructor(
    readonly problem: Problem,
    /** Seconds after which to come back, where the service says so. */
    readonly retryAfterS: number | undefined,
  ) {
    super(`${problem.title}: ${problem.detail}`);
  }

  /** Names the request in the service's log. */
  get requestId(): string | null {
    return this.problem.request_id ?? null;
  }
}

/** The request is at fault; `problem.fields` say where. */
export class InvalidRequest extends Refused {}
/** The idempotency key came with another body before. */
export class KeyReused extends InvalidRequest {}
/** Who asks may not. */
export class Forbidden extends Refused {}
/** Nothing answers to that name. */
export class NotKnown extends Refused {}
/** No such persona is published, or it is hidden for its size. */
export class UnknownPersona extends NotKnown {}
/** No event ever named this item. */
export class UnknownItem extends NotKnown {}
/** A request with this idempotency key is still under way. */
export class KeyInUse extends Refused {}
/** Too many requests. */
export class TooMany extends Refused {}
/** The service cannot answer now. */
export class Unavailable extends Refused {}
/** The events that the answer has to know have not been taken in yet. */
export class NotYet extends Unavailable {}
/** Kafka did not acknowledge all events; send them again, their ids unchanged. */
export class EventsNotTaken extends Unavailable {}

type Kind = new (problem: Problem, retryAfterS: number | undefined) => Refused;

const PREFIX = "urn:strata:problem:";
const BY_TYPE: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ["idempotency-key-reused", KeyReused],
  ["idempotency-key-in-use", KeyInUse],
  ["unknown-persona", UnknownPersona],
  ["unknown-item", UnknownItem],
  ["not-yet", NotYet],
  ["events-not-taken", EventsNotTaken],
]);
const BY_STATUS: ReadonlyMap<number, Kind> = new Map<number, Kind>([
  [401, Forbidden],
  [403, Forbidden],
  [404, NotKnown],
  [409, KeyInUse],
  [429, TooMany],
]);

/** The error of an answer that is no success: by the problem's type, else by its status. */
export function refusal(response: Response, body: unknown): StrataError {
  const problem = isProblem(body) ? body : ofAnother(response);
  if (problem === undefined) {
    return new UnexpectedAnswer(
      `${response.url} answered ${response.status} and is no service of Strata`,
    );
  }
  const name = problem.type.startsWith(PREFIX) ? problem.type.slice(PREFIX.length) : problem.type;
  const Kind =
    BY_TYPE.get(name) ??
    BY_STATUS.get(problem.status) ??
    (problem.status >= 500 ? Unavailable : InvalidRequest);
  return new Kind(problem, retryAfterS(response.headers.get("retry-after")));
}

function isProblem(body: unknown): body is Problem {
  if (typeof body !== "object" || body === null) return false;
  const { type, title, status, detail } = body as Partial<Record<keyof Problem, unknown>>;
  return (
    typeof type === "string" &&
    typeof title === "string" &&
    typeof status === "number" &&
    typeof detail === "string"
  );
}

/** What stands between the two ends may be overloaded too, and speaks no problem details. */
function ofAnother(response: Response): Problem | undefined {
  if (![429, 502, 503, 504].includes(response.status)) return undefined;
  // Empty where a platform does not tell it.
  const { host, pathname } = new URL(response.url || "http://service/");
  return {
    type: "about:blank",
    title: response.statusText || "Unavailable",
    status: response.status,
    detail: `${host} answered ${response.status}`,
    instance: pathname,
    fields: [],
    request_id: response.headers.get("x-request-id"),
  };
}

function retryAfterS(header: string | null): number | undefined {
  if (header === null) return undefined;
  if (/^\d+$/.test(header)) return Number(header);
  const moment = Date.parse(header);
  return Number.isNaN(moment) ? undefined : Math.max(0, (moment - Date.now()) / 1_000);
}
