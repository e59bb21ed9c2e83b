"""What is sent again, how often, when, and within which budget."""

import datetime as dt
import json
import time
from email.utils import format_datetime

import httpx
import pytest
from clients_script import Script
from hypothesis import given
from hypothesis import strategies as st
from ingest_world import RATED

from strata_client import AsyncStrata, RetryBudget, RetryPolicy, Strata
from strata_client.errors import (
    EventsNotTaken,
    Forbidden,
    InvalidEvents,
    InvalidRequest,
    KeyInUse,
    KeyReused,
    NotKnown,
    NotYet,
    Refused,
    StrataError,
    TimedOut,
    TooMany,
    Unavailable,
    UnexpectedAnswer,
    UnknownItem,
    UnknownPersona,
    Unreachable,
)
from strata_client.positions import token_of

QUICK = RetryPolicy(attempts=4, first_pause_s=0.0)
LIVE = httpx.Response(200, json={"live": True})


def problem(status: int, kind: str = "about:blank", **headers: str) -> httpx.Response:
    body = {
        "type": kind if kind == "about:blank" else f"urn:strata:problem:{kind}",
        "title": "Title",
        "status": status,
        "detail": "what was wrong",
        "instance": "/v1/x",
        "fields": [{"where": "body.1", "message": "m", "code": "c"}],
        "request_id": "r1",
    }
    return httpx.Response(
        status, json=body, headers={"Content-Type": "application/problem+json", **headers}
    )


def client_of(
    script: Script, policy: RetryPolicy = QUICK, budget: RetryBudget | None = None
) -> Strata:
    return Strata("http://strata.test", transport=script.transport, retries=policy, budget=budget)


PASSING = [
    httpx.ConnectError("refused"),
    httpx.ReadTimeout("slow"),
    httpx.ReadError("reset"),
    httpx.RemoteProtocolError("cut"),
    problem(429),
    problem(503, "store-unavailable"),
    problem(503, "not-yet"),
    problem(503, "events-not-taken"),
    problem(409, "idempotency-key-in-use"),
    httpx.Response(502, text="<html>"),
    httpx.Response(504),
]
LASTING = [
    (problem(422, "invalid-request"), InvalidRequest),
    (problem(422, "invalid-events"), InvalidRequest),
    (problem(422, "idempotency-key-reused"), KeyReused),
    (problem(413), InvalidRequest),
    (problem(404, "unknown-persona"), UnknownPersona),
    (problem(404, "unknown-item"), UnknownItem),
    (problem(404), NotKnown),
    (problem(401), Forbidden),
    (problem(403), Forbidden),
    (problem(500), Unavailable),
    (problem(501), Unavailable),
    (httpx.Response(404, text="<html>not here</html>"), UnexpectedAnswer),
    (httpx.Response(200, text="<html>"), UnexpectedAnswer),
    (httpx.Response(200, json={"other": 1}), UnexpectedAnswer),
]


@pytest.mark.parametrize("trouble", PASSING, ids=str)
def test_what_may_pass_is_tried_again(trouble: httpx.Response | Exception) -> None:
    script = Script(trouble, trouble, LIVE)
    with client_of(script) as strata:
        assert strata.live()
    assert len(script.requests) == 3


@pytest.mark.parametrize(("answer", "kind"), LASTING, ids=str)
def test_what_will_not_pass_is_told_at_once(
    answer: httpx.Response, kind: type[StrataError]
) -> None:
    script = Script(answer)
    with client_of(script) as strata, pytest.raises(kind) as raised:
        strata.live()
    assert type(raised.value) is kind
    assert len(script.requests) == 1


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (httpx.ConnectError("refused"), Unreachable),
        (httpx.ConnectTimeout("slow"), TimedOut),
        (problem(429), TooMany),
        (problem(503), Unavailable),
        (problem(503, "not-yet"), NotYet),
        (problem(503, "events-not-taken"), EventsNotTaken),
        (problem(409, "idempotency-key-in-use"), KeyInUse),
        (httpx.Response(503), Unavailable),
    ],
    ids=str,
)
def test_the_last_failure_is_told_when_attempts_are_used_up(
    trouble: httpx.Response | Exception, kind: type[StrataError]
) -> None:
    script = Script(trouble)
    with client_of(script) as strata, pytest.raises(kind):
        strata.live()
    assert len(script.requests) == 4


def test_a_problem_keeps_what_it_says() -> None:
    with client_of(Script(problem(422, "invalid-request"))) as strata:
        with pytest.raises(ValueError, match="Title: what was wrong") as raised:
            strata.live()
        assert isinstance(raised.value, Refused)
        assert raised.value.request_id == "r1"
        assert raised.value.problem.fields[0].where == "body.1"


@pytest.mark.anyio
async def test_with_an_event_loop_too() -> None:
    script = Script(problem(503), httpx.ConnectError("refused"), LIVE)
    async with AsyncStrata(
        "http://strata.test", transport=script.transport, retries=QUICK
    ) as strata:
        assert await strata.live()
    assert len(script.requests) == 3


def test_publishing_is_tried_again_under_the_same_key() -> None:
    accepted = httpx.Response(202, json={"accepted": 1, "token": token_of({})})
    script = Script(httpx.ReadTimeout("slow"), problem(503), accepted)
    with client_of(script) as strata:
        strata.publish(RATED)
        strata.publish(RATED)
        strata.publish(RATED, idempotency_key="mine")
    keys = [request.headers["idempotency-key"] for request in script.requests]
    assert keys[0] == keys[1] == keys[2]
    assert len(set(keys)) == 3
    assert keys[-1] == "mine"
    assert len({request.content for request in script.requests}) == 1


def test_bad_events_are_not_sent_at_all() -> None:
    script = Script(LIVE)
    with client_of(script) as strata, pytest.raises(InvalidEvents, match="and 1 more") as raised:
        strata.publish([RATED, {**RATED, "user_id": ""}, RATED, {"type": "x"}])
    assert [(one.index, one.code) for one in raised.value.wrong] == [
        (1, "invalid-id"),
        (3, "unknown-type"),
    ]
    assert script.requests == []


def test_publishing_nothing_asks_nobody() -> None:
    script = Script(LIVE)
    with client_of(script) as strata:
        assert strata.publish([]).events == 0
    assert script.requests == []


def test_many_events_go_in_several_requests_in_their_order() -> None:
    accepted = httpx.Response(202, json={"accepted": 1, "token": token_of({})})
    script = Script(accepted)
    events = [{**RATED, "event_id": f"e{number}"} for number in range(2_500)]
    large = [{**RATED, "context": {"text": "x" * 900_000}} for _ in range(4)]
    with client_of(script) as strata:
        assert strata.publish(events, idempotency_key="k").events == 2_500
        strata.publish(large)
    bodies = [json.loads(request.content) for request in script.requests]
    assert [len(body) for body in bodies] == [1_000, 1_000, 500, 3, 1]
    assert [event["event_id"] for body in bodies[:3] for event in body] == [
        event["event_id"] for event in events
    ]
    keys = [request.headers["idempotency-key"] for request in script.requests]
    assert keys[:3] == ["k.0", "k.1", "k.2"]


def test_a_service_that_says_when_is_asked_then() -> None:
    script = Script(problem(503, **{"Retry-After": "1"}), LIVE)
    with client_of(script) as strata:
        began = time.monotonic()
        assert strata.live()
        assert 1.0 <= time.monotonic() - began < 5.0


def test_a_service_that_says_too_late_is_not_asked_again() -> None:
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    for when in ("3600", format_datetime(soon, usegmt=True)):
        script = Script(problem(503, **{"Retry-After": when}))
        with client_of(script) as strata, pytest.raises(Unavailable) as raised:
            strata.live()
        assert len(script.requests) == 1
        assert 3500 < (raised.value.retry_after_s or 0) <= 3600


@pytest.mark.parametrize("header", ["soon", "", "-1", "Mon, 99 Foo 2020 00:00:00 GMT"])
def test_a_moment_that_cannot_be_read_is_none(header: str) -> None:
    with (
        client_of(Script(problem(403, **{"Retry-After": header}))) as strata,
        pytest.raises(Forbidden) as raised,
    ):
        strata.live()
    assert raised.value.retry_after_s is None


def test_an_empty_budget_lets_failures_through_at_once() -> None:
    budget = RetryBudget(tokens=5.0)
    script = Script(httpx.ConnectError("refused"))
    with client_of(script, budget=budget) as strata:
        for _ in range(10):
            with pytest.raises(Unreachable):
                strata.live()
    # Ten first attempts, and no more retries than there were tokens.
    assert len(script.requests) == 15


def test_answers_refill_the_budget() -> None:
    budget = RetryBudget(tokens=2.0, refund=0.5)
    assert [budget.take() for _ in range(3)] == [True, True, False]
    with client_of(Script(LIVE), budget=budget) as strata:
        for _ in range(10):
            strata.live()
    assert budget.left == 2.0


@given(st.lists(st.booleans(), max_size=200), st.floats(0, 20), st.floats(0, 1))
def test_retries_never_exceed_what_the_budget_held_and_got(
    answered: list[bool], tokens: float, refund: float
) -> None:
    budget = RetryBudget(tokens=tokens, refund=refund)
    retries = 0
    for good in answered:
        if good:
            budget.give_back()
        else:
            retries += budget.take()
    assert retries <= tokens + refund * sum(answered) + 1e-6
    assert 0 <= budget.left <= tokens


@given(st.integers(1, 60), st.floats(0, 5), st.floats(0, 60))
def test_pauses_are_drawn_below_a_bound_that_doubles(
    attempt: int, first_s: float, longest_s: float
) -> None:
    policy = RetryPolicy(first_pause_s=first_s, longest_pause_s=longest_s)
    assert 0 <= policy.pause_s(attempt, None) <= min(longest_s, first_s * 2.0 ** (attempt - 1))


def test_no_attempt_begins_after_the_deadline() -> None:
    policy = RetryPolicy(attempts=1_000, first_pause_s=0.05, longest_pause_s=0.05, deadline_s=0.3)
    script = Script(problem(503))
    began = time.monotonic()
    with (
        client_of(script, policy, RetryBudget(tokens=1_000)) as strata,
        pytest.raises(Unavailable),
    ):
        strata.live()
    assert time.monotonic() - began < 1.0
    assert 2 <= len(script.requests) < 1_000
