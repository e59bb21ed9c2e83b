/** The client: a method per route, and what one would otherwise write oneself around them. */
import createClient, { type Client } from "openapi-fetch";
import { refusal, TimedOut, UnexpectedAnswer, Unreachable } from "./errors.js";
import { batchesOf, type Event } from "./events.js";
import { joined, positionsOf, tokenOf, type Positions } from "./positions.js";
import { DEFAULT_RETRIES, RetryBudget, tried, type RetryPolicy } from "./retries.js";
import type { components, paths } from "./schema.js";

type Schemas = components["schemas"];
type Side = Schemas["SideRequest"];

export interface Options {
  /** Of the service. */
  readonly url?: string;
  /** Whose users; with an `apiKey` it must be the key's. */
  readonly tenant?: string;
  /** As `strata keys create` printed it; sent with every request. */
  readonly apiKey?: string;
  /** For each attempt to get an answer; longer than a read with a token may wait. */
  readonly timeoutMs?: number;
  readonly retries?: Partial<RetryPolicy>;
  readonly budget?: RetryBudget;
  /** Instead of the platform's, for tests and for proxies of one's own. */
  readonly fetch?: (request: Request) => Promise<Response>;
}

/** Of every question. */
export interface Asking {
  /** Ends the question and its retries. */
  readonly signal?: AbortSignal;
}

/** Of a question about users. */
export interface AskingOfUsers extends Asking {
  /** A token from publishing: the answer knows at least those events. */
  readonly atLeast?: string;
}

/** Events that are safe. `token` is for `atLeast` of a read that has to know them. */
export interface Published {
  readonly events: number;
  readonly token: string;
}

interface Answered<T> {
  readonly data?: T;
  readonly error?: unknown;
  readonly response: Response;
}

/** Arguments of openapi-fetch that every request has. */
interface Attempt {
  readonly signal: AbortSignal;
}

const MOST_LISTED = 100;
const DEFAULT_TIMEOUT_MS = 5_000;

/**
 * Asks a service of Strata as one tenant, and publishes to it.
 *
 * Every method may throw a `StrataError` (see `errors.ts`). Requests are tried again within
 * `retries` and `budget`.
 */
export class Strata {
  readonly #http: Client<paths>;
  readonly #timeoutMs: number;
  readonly #retries: RetryPolicy;
  readonly #budget: RetryBudget;
  /** Of a session: how far it has written. */
  #seen: Positions | undefined;

  constructor(options: Options = {}, shared?: Strata) {
    if (shared === undefined) {
      this.#http = createClient<paths>({
        baseUrl: options.url ?? "http://127.0.0.1:8700",
        headers: headersOf(options.tenant ?? "default", options.apiKey),
        ...(options.fetch === undefined ? {} : { fetch: options.fetch }),
      });
      this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
      this.#retries = { ...DEFAULT_RETRIES, ...options.retries };
      this.#budget = options.budget ?? new RetryBudget();
    } else {
      this.#http = shared.#http;
      this.#timeoutMs = shared.#timeoutMs;
      this.#retries = shared.#retries;
      this.#budget = shared.#budget;
    }
  }

  /** A client like this one whose reads know what was published through it. */
  session(): Strata {
    const session = new Strata({}, this);
    session.#seen = new Map();
    return session;
  }

  /** What is known about a user; an unknown one is answered from the layers above. */
  async profile(userId: string, asking: AskingOfUsers = {}): Promise<Schemas["ProfileView"]> {
    if (isDots(userId)) {
      // As a part of a path it would be taken for a folder.
      const [profile] = await this.profiles([userId], asking);
      if (profile === undefined) throw new UnexpectedAnswer("one profile was asked for, none came");
      return profile;
    }
    return this.#ask(asking, (attempt) =>
      this.#http.GET("/v1/profiles/{user_id}", {
        ...attempt,
        params: { path: { user_id: userId }, query: this.#knowing(asking) },
      }),
    );
  }

  /** Several users in the order asked, a hundred per request. */
  async profiles(
    userIds: readonly string[],
    asking: AskingOfUsers = {},
  ): Promise<Schemas["ProfileView"][]> {
    const found: Schemas["ProfileView"][] = [];
    for (let start = 0; start < userIds.length; start += MOST_LISTED) {
      const answer = await this.#ask(asking, (attempt) =>
        this.#http.POST("/v1/profiles:batchGet", {
          ...attempt,
          params: { query: this.#knowing(asking) },
          body: { user_ids: userIds.slice(start, start + MOST_LISTED) },
        }),
      );
      found.push(...answer.profiles);
    }
    return found;
  }

  /**
   * What each event of a user is still worth, and which items it moved them towards; `halfLifeS`
   * and `halfRank` show what others than the service's would change.
   */
  async explanation(
    userId: string,
    asking: AskingOfUsers & { halfLifeS?: number; halfRank?: number; limit?: number } = {},
  ): Promise<Schemas["ExplanationView"]> {
    const { halfLifeS, halfRank, limit } = asking;
    return this.#ask(asking, (attempt) =>
      this.#http.GET("/v1/profiles/{user_id}/explanation", {
        ...attempt,
        params: {
          path: { user_id: inPath(userId) },
          query: {
            ...given({ half_life_s: halfLifeS, half_rank: halfRank, limit }),
            ...this.#knowing(asking),
          },
        },
      }),
    );
  }

  /** Items for a user, best first, with reasons; `limit` from 1 to 100. */
  async rank(
    userId: string,
    asking: AskingOfUsers & { limit?: number; excludeSeen?: boolean } = {},
  ): Promise<Schemas["RankingView"]> {
    const { limit, excludeSeen } = asking;
    return this.#ask(asking, (attempt) =>
      this.#http.POST("/v1/rank", {
        ...attempt,
        params: { query: this.#knowing(asking) },
        body: { user_id: userId, ...given({ limit, exclude_seen: excludeSeen }) },
      }),
    );
  }

  /** Whether the user is for each item, and which of each pair they prefer; 100 of each. */
  async score(
    userId: string,
    asking: AskingOfUsers & {
      items?: readonly string[];
      pairs?: readonly (readonly [Side, Side])[];
    },
  ): Promise<Schemas["ScoresView"]> {
    return this.#ask(asking, (attempt) =>
      this.#http.POST("/v1/score", {
        ...attempt,
        params: { query: this.#knowing(asking) },
        body: {
          user_id: userId,
          items: [...(asking.items ?? [])],
          pairs: (asking.pairs ?? []).map(([a, b]) => ({ a, b })),
        },
      }),
    );
  }

  /** Passages of the user's own documents that answer a query, best first. */
  async retrieve(
    userId: string,
    query: string,
    asking: AskingOfUsers & {
      limit?: number;
      filters?: Schemas["Filters"];
      /** Of event time before the user's newest document; left out, nothing decays. */
      halfLifeS?: number;
      /** From 0, the best, to 1, what differs most from what is taken. */
      diversity?: number;
    } = {},
  ): Promise<Schemas["RetrievalView"]> {
    const { limit, filters, halfLifeS, diversity } = asking;
    return this.#ask(asking, (attempt) =>
      this.#http.POST("/v1/retrieve", {
        ...attempt,
        params: { query: this.#knowing(asking) },
        body: {
          user_id: userId,
          query,
          ...given({ limit, filters, half_life: halfLifeS, diversity }),
        },
      }),
    );
  }

  /** A block of text about the user for a language model, of at most so many tokens. */
  async context(
    userId: string,
    asking: AskingOfUsers & { tokenBudget: number; query?: string; template?: string },
  ): Promise<Schemas["ContextView"]> {
    const { tokenBudget, query, template } = asking;
    return this.#ask(asking, (attempt) =>
      this.#http.POST("/v1/context", {
        ...attempt,
        params: { query: this.#knowing(asking) },
        body: { user_id: userId, token_budget: tokenBudget, ...given({ query, template }) },
      }),
    );
  }

  /** One page of personas, largest first; `next_cursor` asks for the next one. */
  async personas(
    asking: Asking & { limit?: number; cursor?: string } = {},
  ): Promise<Schemas["PersonasView"]> {
    const { limit, cursor } = asking;
    return this.#ask(asking, (attempt) =>
      this.#http.GET("/v1/personas", { ...attempt, params: { query: given({ limit, cursor }) } }),
    );
  }

  /** The personas of all pages. */
  async *allPersonas(asking: Asking = {}): AsyncGenerator<Schemas["PersonaView"], void> {
    let cursor: string | null | undefined;
    do {
      const page = await this.personas({ ...asking, ...given({ cursor: cursor ?? undefined }) });
      yield* page.personas;
      cursor = page.next_cursor;
    } while (typeof cursor === "string");
  }

  /** One persona; throws UnknownPersona. */
  async persona(personaId: string, asking: Asking = {}): Promise<Schemas["PersonaView"]> {
    return this.#ask(asking, (attempt) =>
      this.#http.GET("/v1/personas/{persona_id}", {
        ...attempt,
        params: { path: { persona_id: inPath(personaId) } },
      }),
    );
  }

  /** Statistics of everybody, or of one persona; `most` items per list. */
  async statistics(
    asking: Asking & { persona?: string; most?: number } = {},
  ): Promise<Schemas["StatisticsView"]> {
    const { persona, most } = asking;
    return this.#ask(asking, (attempt) =>
      this.#http.GET("/v1/statistics", { ...attempt, params: { query: given({ persona, most }) } }),
    );
  }

  /** Items nearest to one; throws UnknownItem. */
  async similarItems(
    itemId: string,
    asking: Asking & { limit?: number } = {},
  ): Promise<Schemas["SimilarItemsView"]> {
    const { limit } = asking;
    return this.#ask(asking, (attempt) =>
      this.#http.GET("/v1/items/{item_id}/similar", {
        ...attempt,
        params: { path: { item_id: inPath(itemId) }, query: given({ limit }) },
      }),
    );
  }

  /** Users whose evidence points the same way. */
  async similarUsers(
    userId: string,
    asking: AskingOfUsers & { limit?: number } = {},
  ): Promise<Schemas["SimilarUsersView"]> {
    const { limit } = asking;
    return this.#ask(asking, (attempt) =>
      this.#http.GET("/v1/users/{user_id}/similar", {
        ...attempt,
        params: {
          path: { user_id: inPath(userId) },
          query: { ...given({ limit }), ...this.#knowing(asking) },
        },
      }),
    );
  }

  /** Everything that is kept of a user, as events in JSON lines. */
  async export(userId: string, asking: AskingOfUsers = {}): Promise<string> {
    const lines: unknown = await this.#ask(asking, (attempt) =>
      this.#http.GET("/v1/users/{user_id}/export", {
        ...attempt,
        parseAs: "text",
        params: { path: { user_id: inPath(userId) }, query: this.#knowing(asking) },
      }),
    );
    if (typeof lines !== "string") throw new UnexpectedAnswer("the export is no text");
    return lines;
  }

  /** What is kept of a user, in words for that user. */
  async mine(userId: string, asking: AskingOfUsers = {}): Promise<Schemas["MineView"]> {
    return this.#ask(asking, (attempt) =>
      this.#http.GET("/v1/users/{user_id}/mine", {
        ...attempt,
        params: { path: { user_id: inPath(userId) }, query: this.#knowing(asking) },
      }),
    );
  }

  /** Have everything about a user erased; `erasure` tells how far that is. */
  async erase(userId: string, asking: Asking = {}): Promise<Schemas["ErasureView"]> {
    return this.#ask(asking, (attempt) =>
      this.#http.DELETE("/v1/users/{user_id}", {
        ...attempt,
        params: { path: { user_id: inPath(userId) } },
      }),
    );
  }

  /** The receipt of an erasure, which is complete once its stage is "complete". */
  async erasure(erasureId: string, asking: Asking = {}): Promise<Schemas["ErasureView"]> {
    return this.#ask(asking, (attempt) =>
      this.#http.GET("/v1/erasures/{erasure_id}", {
        ...attempt,
        params: { path: { erasure_id: inPath(erasureId) } },
      }),
    );
  }

  /** The service answers. */
  async live(asking: Asking = {}): Promise<boolean> {
    const answer = await this.#ask(asking, (attempt) => this.#http.GET("/livez", { ...attempt }));
    return answer["live"] === true;
  }

  /** Whether every store of the service answers. Not being ready is an answer, not a failure. */
  async ready(asking: Asking = {}): Promise<Schemas["ReadinessView"]> {
    return this.#ask(asking, async (attempt) => {
      const { data, error, response } = await this.#http.GET("/readyz", { ...attempt });
      const told = data ?? (isReadiness(error) ? error : undefined);
      return told === undefined ? { error, response } : { data: told, response };
    });
  }

  /**
   * Publish one event or several; resolves when all of them are safe in Kafka.
   *
   * All are checked first, and nothing is sent if one is wrong (InvalidEvents). More than a
   * request may carry go in several: those before one that fails are safe, and publishing all
   * again does no harm.
   */
  async publish(
    events: Event | readonly Event[],
    asking: Asking & { idempotencyKey?: string } = {},
  ): Promise<Published> {
    const listed = isListed(events) ? events : [events];
    const batches = batchesOf(listed, Date.now());
    const key = asking.idempotencyKey ?? crypto.randomUUID();
    let reached: Positions = new Map();
    for (const [number, batch] of batches.entries()) {
      const accepted = await this.#ask(asking, (attempt) =>
        this.#http.POST("/v1/events", {
          ...attempt,
          params: {
            header: { "idempotency-key": batches.length === 1 ? key : `${key}.${number}` },
          },
          // Written when it was checked: what was checked is what is sent.
          body: batch as unknown as Schemas["Event"][],
          bodySerializer: () => `[${batch.join(",")}]`,
        }),
      );
      const positions = positionsOf(accepted.token);
      reached = joined(reached, positions);
      // One by one: what was sent before a failure is the session's too.
      if (this.#seen !== undefined) this.#seen = joined(this.#seen, positions);
    }
    return { events: listed.length, token: batches.length === 0 ? "" : tokenOf(reached) };
  }

  #knowing(asking: AskingOfUsers): { at_least?: string } {
    if (asking.atLeast !== undefined) return { at_least: asking.atLeast };
    if (this.#seen === undefined || this.#seen.size === 0) return {};
    return { at_least: tokenOf(this.#seen) };
  }

  async #ask<T>(asking: Asking, send: (attempt: Attempt) => Promise<Answered<T>>): Promise<T> {
    const once = async (): Promise<T> => {
      const late = AbortSignal.timeout(this.#timeoutMs);
      const signal = asking.signal === undefined ? late : AbortSignal.any([late, asking.signal]);
      const { data, error, response } = await answered(send({ signal }), late, asking.signal);
      if (!response.ok && data === undefined) throw refusal(response, error);
      if (data === undefined) throw new UnexpectedAnswer(`${response.url} answered nothing`);
      return data;
    };
    return tried(once, this.#retries, this.#budget, asking.signal);
  }
}

/** The answer; throws what there is instead of one. */
async function answered<T>(
  sent: Promise<Answered<T>>,
  late: AbortSignal,
  stopped: AbortSignal | undefined,
): Promise<Answered<T>> {
  try {
    return await sent;
  } catch (error) {
    if (stopped?.aborted === true) throw stopped.reason;
    if (late.aborted) throw new TimedOut("the service did not answer in time", { cause: error });
    if (error instanceof SyntaxError) {
      throw new UnexpectedAnswer("the service answered something that is no JSON", {
        cause: error,
      });
    }
    throw new Unreachable("the service does not answer", { cause: error });
  }
}

function headersOf(tenant: string, apiKey: string | undefined): Record<string, string> {
  const headers = { Accept: "application/json", "X-Strata-Tenant": latin(tenant) };
  return apiKey === undefined ? headers : { ...headers, Authorization: `Bearer ${latin(apiKey)}` };
}

/** UTF-8 in the only form in which a header takes it: one character per byte. */
function latin(text: string): string {
  return String.fromCharCode(...new TextEncoder().encode(text));
}

type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Without what was left out. */
function given<T extends object>(options: T): Given<T> {
  const told = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(told) as Given<T>;
}

function inPath(id: string): string {
  if (isDots(id)) throw new RangeError(`${JSON.stringify(id)} cannot stand in an address`);
  return id;
}

/** Whether every standard way to write an address takes it for this folder, or the one above. */
function isDots(id: string): boolean {
  return id === "." || id === "..";
}

function isListed(events: Event | readonly Event[]): events is readonly Event[] {
  return Array.isArray(events);
}

function isReadiness(body: unknown): body is Schemas["ReadinessView"] {
  return typeof body === "object" && body !== null && "ready" in body && "stores" in body;
}
