/**
 * When a request is sent again: what may, how often, after which pause, and within a budget.
 *
 * Only requests that may be repeated without another effect exist here: reads, publishing under
 * an idempotency key, and asking for an erasure.
 */
import { KeyInUse, Refused, TooMany, Unavailable, Unreachable } from "./errors.js";

/** How one request is tried. */
export interface RetryPolicy {
  /** At most, the first included; ≥ 1. */
  readonly attempts: number;
  /** Pauses are drawn from 0 to a bound that doubles from the first to the longest. */
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
  /**
   * No attempt begins later than this after the first one; a service that asks for a longer pause
   * is not asked again.
   */
  readonly deadlineMs: number;
}

export const DEFAULT_RETRIES: RetryPolicy = {
  attempts: 4,
  firstPauseMs: 50,
  longestPauseMs: 2_000,
  deadlineMs: 10_000,
};

/**
 * How many retries all requests of a client may make together: a token bucket.
 *
 * A retry takes one token; an answered request gives a part of one back. While a service is down
 * the bucket runs empty, and its callers fail at once instead of multiplying the load.
 */
export class RetryBudget {
  readonly #most: number;
  readonly #refund: number;
  #left: number;

  constructor({ tokens = 20, refund = 0.1 }: { tokens?: number; refund?: number } = {}) {
    this.#most = tokens;
    this.#refund = refund;
    this.#left = tokens;
  }

  get left(): number {
    return this.#left;
  }

  /** Whether there was a token. */
  take(): boolean {
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }

  /** A request was answered. */
  giveBack(): void {
    this.#left = Math.min(this.#most, this.#left + this.#refund);
  }
}

/** The answer of the first attempt that has one; else the error of the last. */
export async function tried<T>(
  attempt: () => Promise<T>,
  policy: RetryPolicy,
  budget: RetryBudget,
  signal: AbortSignal | undefined,
): Promise<T> {
  const startedMs = performance.now();
  for (let number = 1; ; number += 1) {
    try {
      const answer = await attempt();
      budget.giveBack();
      return answer;
    } catch (error) {
      const pause = pauseMs(number, error, policy);
      const isOver =
        signal?.aborted === true ||
        !isWorthRepeating(error) ||
        number >= policy.attempts ||
        performance.now() - startedMs + pause > policy.deadlineMs;
      // Last: a token is taken only for a retry that is going to happen.
      if (isOver || !budget.take()) throw error;
      await passed(pause, signal);
    }
  }
}

function isWorthRepeating(error: unknown): boolean {
  // 500 and 501 would come again.
  if (error instanceof Unavailable) return [502, 503, 504].includes(error.problem.status);
  return error instanceof Unreachable || error instanceof TooMany || error instanceof KeyInUse;
}

function pauseMs(attempt: number, error: unknown, policy: RetryPolicy): number {
  const bound = Math.min(policy.longestPauseMs, policy.firstPauseMs * 2 ** (attempt - 1));
  const asked = error instanceof Refused ? (error.retryAfterS ?? 0) * 1_000 : 0;
  // Whoever was told the same moment must not come back in the same one.
  return asked + Math.random() * bound;
}

async function passed(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
