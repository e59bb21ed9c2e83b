/** What the client does around requests, against a service that is played from a list. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  EventsNotTaken,
  Forbidden,
  InvalidEvents,
  InvalidRequest,
  joined,
  KeyInUse,
  NotKnown,
  NotYet,
  positionsOf,
  RetryBudget,
  Strata,
  TimedOut,
  tokenOf,
  TooMany,
  Unavailable,
  UnexpectedAnswer,
  UnknownItem,
  UnknownPersona,
  Unreachable,
} from "../dist/index.js";

const HASTY = { firstPauseMs: 0, longestPauseMs: 0 };
const VIEWED = { type: "interaction", user_id: "anna", item_id: "emma", action: "view" };

/** A service that answers from a list, the last one for ever, and remembers what it was asked. */
function played(...answers) {
  const asked = [];
  const fetch = async (request) => {
    asked.push({
      method: request.method,
      url: new URL(request.url),
      headers: request.headers,
      body: await request.text(),
    });
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    if (answer instanceof Error) throw answer;
    return answer(request);
  };
  return { fetch, asked };
}

const json = (body, status = 200, headers = {}) => () =>
  new Response(JSON.stringify(body), {
    status,
    headers: { "Content-Type": "application/json", ...headers },
  });

const problem = (status, type = "about:blank", headers = {}) =>
  json(
    { type, title: "Said no", status, detail: "why", instance: "/", fields: [], request_id: "r1" },
    status,
    { "Content-Type": "application/problem+json", ...headers },
  );

const accepted = (topic, partition, offset) =>
  json({ accepted: 1, token: tokenOf(new Map([[topic, new Map([[partition, offset]])]])) }, 202);

const strata = (service, options = {}) =>
  new Strata({ url: "http://strata.test", retries: HASTY, ...service, ...options });

test("ids arrive as they are, whatever they contain", async () => {
  const service = played(json({ profiles: [{ user_id: ".." }], user_id: "x" }));
  for (const id of ["a/b c?%é", "a:b", "{}", "*", "#"]) {
    await strata(service).profile(id);
    const { url } = service.asked.at(-1);
    assert.equal(decodeURIComponent(url.pathname), `/v1/profiles/${id}`);
    assert.equal(url.pathname.split("/").length, 4);
  }
  // An address cannot hold these: they are asked for in a body.
  assert.equal((await strata(service).profile("..")).user_id, "..");
  assert.equal(service.asked.at(-1).body, '{"user_ids":[".."]}');
  await assert.rejects(strata(service).similarItems(".."), RangeError);
});

test("tenant and key go with every request, in UTF-8", async () => {
  const service = played(json({ live: true }));
  await strata(service, { tenant: "dräußen", apiKey: "secret" }).live();
  const { headers } = service.asked[0];
  assert.equal(Buffer.from(headers.get("x-strata-tenant"), "latin1").toString(), "dräußen");
  assert.equal(headers.get("authorization"), "Bearer secret");
});

test("what is left out of a question is the service's to choose", async () => {
  const service = played(json({ items: [], personas: [], next_cursor: null }));
  await strata(service).rank("anna");
  assert.equal(service.asked[0].body, '{"user_id":"anna"}');
  await strata(service).personas();
  assert.equal(service.asked[1].url.search, "");
});

test("a problem is thrown as what it is", async () => {
  const kinds = [
    [401, "about:blank", Forbidden],
    [403, "about:blank", Forbidden],
    [404, "about:blank", NotKnown],
    [404, "urn:strata:problem:unknown-persona", UnknownPersona],
    [404, "urn:strata:problem:unknown-item", UnknownItem],
    [409, "urn:strata:problem:idempotency-key-in-use", KeyInUse],
    [422, "urn:strata:problem:invalid-request", InvalidRequest],
    [429, "about:blank", TooMany],
    [500, "about:blank", Unavailable],
    [503, "urn:strata:problem:not-yet", NotYet],
    [503, "urn:strata:problem:events-not-taken", EventsNotTaken],
  ];
  for (const [status, type, Kind] of kinds) {
    const service = played(problem(status, type));
    await assert.rejects(strata(service, { retries: { attempts: 1 } }).profile("anna"), (error) => {
      assert.equal(error.constructor, Kind);
      assert.equal(error.requestId, "r1");
      assert.equal(error.message, "Said no: why");
      return true;
    });
  }
});

test("an answer of somebody else is told apart", async () => {
  const page = () => new Response("<html>", { status: 404 });
  await assert.rejects(strata(played(page)).profile("anna"), UnexpectedAnswer);
  const busy = () => new Response("busy", { status: 502 });
  await assert.rejects(strata(played(busy)).profile("anna"), Unavailable);
  const broken = () => new Response("{", { status: 200 });
  await assert.rejects(strata(played(broken)).profile("anna"), UnexpectedAnswer);
});

test("what may come right is asked again, what may not is not", async () => {
  for (const trouble of [new TypeError("fetch failed"), problem(429), problem(503), problem(409)]) {
    const service = played(trouble, json({ user_id: "anna" }));
    assert.equal((await strata(service).profile("anna")).user_id, "anna");
    assert.equal(service.asked.length, 2);
  }
  for (const refused of [problem(500), problem(422), problem(403)]) {
    const service = played(refused);
    await assert.rejects(strata(service).profile("anna"));
    assert.equal(service.asked.length, 1);
  }
  const away = played(new TypeError("fetch failed"));
  await assert.rejects(strata(away).profile("anna"), Unreachable);
  assert.equal(away.asked.length, 4);
});

test("a longer pause than there is time for is not waited for", async () => {
  const service = played(problem(503, "about:blank", { "Retry-After": "60" }));
  await assert.rejects(strata(service).profile("anna"), (error) => error.retryAfterS === 60);
  assert.equal(service.asked.length, 1);
});

test("all requests share a budget of retries", async () => {
  const budget = new RetryBudget({ tokens: 3, refund: 0.5 });
  const service = played(new TypeError("fetch failed"));
  const client = strata(service, { budget });
  for (let number = 0; number < 5; number += 1) await assert.rejects(client.profile("anna"));
  assert.equal(service.asked.length, 5 + 3);
  await strata(played(json({ live: true })), { budget }).live();
  assert.equal(budget.left, 0.5);
});

test("an attempt that takes too long ends, and so does one that is called off", async () => {
  const never = {
    fetch: (request) =>
      new Promise((_, reject) => {
        // As an open connection would, this keeps the process waiting.
        const waiting = setInterval(() => {}, 1_000);
        request.signal.addEventListener("abort", () => {
          clearInterval(waiting);
          reject(request.signal.reason);
        });
      }),
  };
  await assert.rejects(
    strata(never, { timeoutMs: 20, retries: { attempts: 1 } }).profile("anna"),
    TimedOut,
  );
  const stop = new AbortController();
  const asked = strata(never).profile("anna", { signal: stop.signal });
  stop.abort(new Error("called off"));
  await assert.rejects(asked, /called off/);
});

test("a session's reads know all that was published through it, and nobody else's do", async () => {
  const service = played(
    accepted("interactions", 1, 7),
    accepted("interactions", 2, 3),
    accepted("documents", 1, 9),
    json({ user_id: "anna" }),
  );
  const client = strata(service);
  const session = client.session();
  for (let number = 0; number < 3; number += 1) await session.publish(VIEWED);
  await session.profile("anna");
  await session.rank("anna");
  for (const { url } of service.asked.slice(3)) {
    assert.deepEqual(
      positionsOf(url.searchParams.get("at_least")),
      new Map([
        ["interactions", new Map([[1, 7], [2, 3]])],
        ["documents", new Map([[1, 9]])],
      ]),
    );
  }
  await client.profile("anna");
  assert.equal(service.asked.at(-1).url.search, "");
  await client.profile("anna", { atLeast: "T" });
  assert.equal(service.asked.at(-1).url.searchParams.get("at_least"), "T");
});

test("positions joined are as far as both", () => {
  const one = new Map([["a", new Map([[0, 3], [1, 1]])]]);
  const other = new Map([["a", new Map([[0, 2]])], ["b", new Map([[5, 5]])]]);
  assert.deepEqual(
    joined(one, other),
    new Map([["a", new Map([[0, 3], [1, 1]])], ["b", new Map([[5, 5]])]]),
  );
  assert.throws(() => positionsOf("nonsense"), UnexpectedAnswer);
  const whole = tokenOf(one);
  assert.throws(() => positionsOf(whole.slice(0, -1)), UnexpectedAnswer);
});

test("a request is repeated under the key that it had", async () => {
  const service = played(new TypeError("fetch failed"), accepted("interactions", 0, 1));
  await strata(service).publish(VIEWED);
  const [first, second] = service.asked;
  assert.equal(first.headers.get("idempotency-key"), second.headers.get("idempotency-key"));
  assert.equal(first.body, second.body);
  const [event] = JSON.parse(first.body);
  assert.match(event.event_id, /^[0-9a-f-]{36}$/);
  assert.match(event.occurred_at, /^\d{4}-.*Z$/);
});

test("more than a request carries goes in several, each under a key of its own", async () => {
  const service = played(accepted("interactions", 0, 1));
  const events = Array.from({ length: 2_001 }, () => VIEWED);
  const published = await strata(service).publish(events, { idempotencyKey: "k" });
  assert.equal(published.events, 2_001);
  assert.deepEqual(service.asked.map(({ body }) => JSON.parse(body).length), [1_000, 1_000, 1]);
  assert.deepEqual(
    service.asked.map(({ headers }) => headers.get("idempotency-key")),
    ["k.0", "k.1", "k.2"],
  );
  assert.deepEqual(await strata(service).publish([]), { events: 0, token: "" });
});

test("if one event is wrong nothing is sent, and each wrong one is named", async () => {
  const service = played(accepted("interactions", 0, 1));
  const wrong = [VIEWED, { ...VIEWED, user_id: "" }, { ...VIEWED, occurred_at: "yesterday" }];
  await assert.rejects(strata(service).publish(wrong), (error) => {
    assert(error instanceof InvalidEvents);
    assert.deepEqual(
      error.wrong.map(({ index, code }) => [index, code]),
      [[1, "invalid-id"], [2, "invalid-field"]],
    );
    return true;
  });
  assert.equal(service.asked.length, 0);
});

test("all pages of personas are one list", async () => {
  const service = played(
    json({ personas: [{ id: "p1" }], next_cursor: "c" }),
    json({ personas: [{ id: "p2" }], next_cursor: null }),
  );
  const found = [];
  for await (const persona of strata(service).allPersonas()) found.push(persona.id);
  assert.deepEqual(found, ["p1", "p2"]);
  assert.equal(service.asked[1].url.searchParams.get("cursor"), "c");
});

test("not being ready is an answer", async () => {
  const told = { ready: false, stores: { redis: { ready: false, error: "away" } } };
  assert.deepEqual(await strata(played(json(told, 503))).ready(), told);
  await assert.rejects(strata(played(problem(503))).ready(), Unavailable);
});

test("an export is the lines that it is", async () => {
  const lines = '{"event_id":"e1"}\n{"event_id":"e2"}\n';
  const service = played(() => new Response(lines, { headers: { "Content-Type": "text/plain" } }));
  assert.equal(await strata(service).export("anna"), lines);
});
