"""Requests and what their answers mean, without sending anything: sync and async share it."""

import datetime as dt
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Final, Generic, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from strata_client import answers
from strata_client._tracing import carried
from strata_client.answers import Problem
from strata_client.errors import (
    InvalidEvents,
    Refused,
    TimedOut,
    UnexpectedAnswer,
    Unreachable,
    WrongEvent,
    refusal,
)
from strata_client.events import Choice, Event, EventLike, NotAnEvent, Record, record_of

__all__ = [
    "MOST_LISTED",
    "Call",
    "Filters",
    "answer_of",
    "batches_of",
    "context",
    "explanation",
    "listed",
    "live",
    "persona",
    "personas",
    "profile",
    "profiles",
    "publishing",
    "rank",
    "ready",
    "records_of",
    "retrieve",
    "score",
    "similar_items",
    "similar_users",
    "statistics",
    "unanswered",
]

T = TypeVar("T")

MOST_LISTED: Final = 100
"""Users that one request may ask for."""

_MOST_EVENTS: Final = 1_000
_MOST_BATCH_BYTES: Final = 3 << 20
_OK: Final = frozenset({200})


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[T]):
    """A request that may be sent again, and how to read its answer.

    Attributes:
        expected: Statuses whose body `decode` reads; others are problems.
    """

    method: str
    path: str
    decode: Callable[[bytes], T]
    params: Mapping[str, str | float] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    expected: frozenset[int] = _OK

    @property
    def all_headers(self) -> dict[str, str]:
        """Those of the call, and what its body is."""
        described = {} if self.body is None else {"Content-Type": "application/json"}
        return {**described, **self.headers, **carried()}


def answer_of(call: Call[T], response: httpx.Response) -> T:
    """What a response says.

    Raises:
        Refused: it is a problem.
        UnexpectedAnswer: it is neither a problem nor an answer of a version that this reads.
    """
    if response.status_code in call.expected:
        try:
            return call.decode(response.content)
        except msgspec.DecodeError as error:
            raise UnexpectedAnswer(f"{response.url} answered in another form: {error}") from error
    raise _refusal(response)


_problems: Final = msgspec.json.Decoder(Problem)


def _refusal(response: httpx.Response) -> Refused:
    try:
        problem = _problems.decode(response.content)
    except msgspec.DecodeError as error:
        problem = _of_another(response, error)
    return refusal(problem, retry_after_s=_retry_after_s(response.headers.get("retry-after")))


def _of_another(response: httpx.Response, error: msgspec.DecodeError) -> Problem:
    """What stands between the two ends may be overloaded too, and speaks no problem details."""
    if response.status_code not in {429, 502, 503, 504}:
        raise UnexpectedAnswer(
            f"{response.url} answered {response.status_code} and is no service of Strata"
        ) from error
    return Problem(
        type="about:blank",
        title=response.reason_phrase or "Unavailable",
        status=response.status_code,
        detail=f"{response.url.host} answered {response.status_code}",
        instance=response.url.path,
        request_id=response.headers.get("x-request-id"),
    )


def _retry_after_s(header: str | None) -> float | None:
    if header is None:
        return None
    if header.isdecimal():
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return max(0.0, (moment - dt.datetime.now(dt.UTC)).total_seconds())


def unanswered(error: httpx.TransportError, url: httpx.URL) -> Unreachable:
    """The exception for a request that got no answer."""
    kind = TimedOut if isinstance(error, httpx.TimeoutException) else Unreachable
    return kind(f"{url} does not answer: {str(error) or type(error).__name__}")


# Questions.


def profile(user_id: str) -> Call[answers.Profile]:
    return _asked("profiles", user_id, kind=answers.Profile)


def explanation(
    user_id: str, *, half_life_s: float | None, half_rank: float | None, limit: int
) -> Call[answers.Explanation]:
    return _asked(
        "profiles",
        user_id,
        "explanation",
        kind=answers.Explanation,
        half_life_s=half_life_s,
        half_rank=half_rank,
        limit=limit,
    )


def profiles(user_ids: Sequence[str]) -> Call[answers.Profiles]:
    return _posted("profiles:batchGet", {"user_ids": list(user_ids)}, kind=answers.Profiles)


def rank(user_id: str, *, limit: int, exclude_seen: bool) -> Call[answers.Ranking]:
    asked = {"user_id": user_id, "limit": limit, "exclude_seen": exclude_seen}
    return _posted("rank", asked, kind=answers.Ranking)


def score(
    user_id: str, *, items: Sequence[str], pairs: Sequence[tuple[Choice, Choice]]
) -> Call[answers.Scores]:
    asked = {
        "user_id": user_id,
        "items": list(items),
        "pairs": [{"a": a, "b": b} for a, b in pairs],
    }
    return _posted("score", asked, kind=answers.Scores)


class Filters(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which documents; each that is given must hold.

    Attributes:
        about: An item id that the document names.
        since, until: RFC 3339, both included.
    """

    kind: str | None = None
    document_id: str | None = None
    about: str | None = None
    since: str | None = None
    until: str | None = None


def retrieve(
    user_id: str,
    query: str,
    *,
    limit: int,
    filters: Filters | None,
    half_life_s: float | None,
    diversity: float,
) -> Call[answers.Retrieval]:
    asked = {
        "user_id": user_id,
        "query": query,
        "limit": limit,
        "filters": filters or Filters(),
        "half_life": half_life_s,
        "diversity": diversity,
    }
    return _posted("retrieve", asked, kind=answers.Retrieval)


def context(
    user_id: str, *, token_budget: int, query: str | None, template: str | None
) -> Call[answers.Context]:
    asked: dict[str, object] = {"user_id": user_id, "token_budget": token_budget, "query": query}
    if template is not None:
        asked["template"] = template
    return _posted("context", asked, kind=answers.Context)


def personas(*, limit: int, cursor: str | None) -> Call[answers.Personas]:
    return _asked("personas", kind=answers.Personas, limit=limit, cursor=cursor)


def persona(persona_id: str) -> Call[answers.Persona]:
    return _asked("personas", persona_id, kind=answers.Persona)


def statistics(persona_id: str | None, *, most: int) -> Call[answers.Statistics]:
    return _asked("statistics", kind=answers.Statistics, persona=persona_id, most=most)


def similar_items(item_id: str, *, limit: int) -> Call[answers.SimilarItems]:
    return _asked("items", item_id, "similar", kind=answers.SimilarItems, limit=limit)


def similar_users(user_id: str, *, limit: int) -> Call[answers.SimilarUsers]:
    return _asked("users", user_id, "similar", kind=answers.SimilarUsers, limit=limit)


def export(user_id: str) -> Call[bytes]:
    return Call(method="GET", path=f"/v1/users/{quote(user_id, safe='')}/export", decode=bytes)


def mine(user_id: str) -> Call[answers.Mine]:
    return _asked("users", user_id, "mine", kind=answers.Mine)


def erase(user_id: str) -> Call[answers.Erasure]:
    return Call(
        method="DELETE",
        path=f"/v1/users/{quote(user_id, safe='')}",
        decode=_decoder(answers.Erasure),
        expected=frozenset({202}),
    )


def erasure(erasure_id: str) -> Call[answers.Erasure]:
    return _asked("erasures", erasure_id, kind=answers.Erasure)


class _Live(msgspec.Struct):
    live: bool


_live: Final = msgspec.json.Decoder(_Live)


def live() -> Call[bool]:
    return Call(method="GET", path="/livez", decode=lambda body: _live.decode(body).live)


def ready() -> Call[answers.Readiness]:
    # Not being ready is an answer, not a failure.
    return Call(
        method="GET",
        path="/readyz",
        decode=msgspec.json.Decoder(answers.Readiness).decode,
        expected=frozenset({200, 503}),
    )


def _asked(*path: str, kind: type[T], **params: str | float | None) -> Call[T]:
    return Call(
        method="GET",
        path="/v1/" + "/".join(quote(part, safe="") for part in path),
        decode=_decoder(kind),
        params={name: value for name, value in params.items() if value is not None},
    )


def _posted(name: str, body: Mapping[str, object], *, kind: type[T]) -> Call[T]:
    return Call(
        method="POST", path=f"/v1/{name}", decode=_decoder(kind), body=msgspec.json.encode(body)
    )


_decoders: Final[dict[type, Callable[[bytes], object]]] = {}


def _decoder(kind: type[T]) -> Callable[[bytes], T]:
    decode = _decoders.get(kind)
    if decode is None:
        decode = _decoders.setdefault(kind, msgspec.json.Decoder(kind).decode)
    return decode  # type: ignore[return-value]  # stored under its own type


# Publishing.


def records_of(events: Iterable[EventLike], *, tenant: str, now_ms: int) -> list[Record]:
    """The records of events, all of them or none.

    Raises:
        InvalidEvents: naming every one that is none.
    """
    records: list[Record] = []
    wrong: list[WrongEvent] = []
    for index, event in enumerate(events):
        try:
            records.append(record_of(event, tenant=tenant, now_ms=now_ms))
        except NotAnEvent as error:
            wrong.append(WrongEvent(index, error.code, error.message))
    if wrong:
        raise InvalidEvents(wrong)
    return records


def listed(events: EventLike | Iterable[EventLike]) -> Iterable[EventLike]:
    """One event as a list of one; a mapping is an event, whatever iterating it gives."""
    return [events] if isinstance(events, Event | Mapping) else events


def batches_of(records: Sequence[Record]) -> list[list[Record]]:
    """Records in their order, in batches that one request may carry."""
    batches: list[list[Record]] = []
    size_bytes = 0
    for record in records:
        fits = size_bytes + len(record.value) < _MOST_BATCH_BYTES
        if batches and fits and len(batches[-1]) < _MOST_EVENTS:
            batches[-1].append(record)
            size_bytes += len(record.value) + 1
        else:
            batches.append([record])
            size_bytes = len(record.value) + 1
    return batches


def publishing(
    batches: Sequence[Sequence[Record]], idempotency_key: str | None
) -> list[Call[answers.Accepted]]:
    """One call per batch, each under a key of its own, so that each may be sent again."""
    key = uuid.uuid4().hex if idempotency_key is None else idempotency_key
    return [
        Call(
            method="POST",
            path="/v1/events",
            decode=_decoder(answers.Accepted),
            headers={"Idempotency-Key": key if len(batches) == 1 else f"{key}.{number}"},
            body=b"[" + b",".join(record.value for record in batch) + b"]",
            expected=frozenset({202}),
        )
        for number, batch in enumerate(batches)
    ]
