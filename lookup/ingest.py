"""Publishing over HTTP: check, send to Kafka, answer once it has acknowledged.

The one part of this package that writes. It writes events, as every producer does, and the
answers to requests that may come again; profiles stay the stream's.
"""

from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Final, Protocol

import msgspec
import structlog

from lookup.errors import EventsNotTaken, KeyInUse, KeyReused
from lookup.ingest_checking import EventRecord, records_of
from lookup.ingest_consents import ConsentCheck, Refused
from lookup.options import require_name
from profiles.ports import StoreUnavailable
from profiles.vocabulary import ANY_ATTRIBUTES, Vocabulary
from schemas.limits import DEFAULT_LIMITS, Limits
from schemas.positions import encode_token
from schemas.views import AcceptedView, RefusedEventView, StoreReadinessView
from stores.answers import AnswerStore

__all__ = ["KEPT_S", "EventLog", "Ingest"]

KEPT_S: Final = 86_400
"""How long the answer to a request with an idempotency key is given again, in seconds."""

_CLAIMED_S: Final = 60
"""Longer than any request takes; a claim whose owner died is free again after it."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class EventLog(Protocol):
    """Where events are appended."""

    async def append(self, records: Sequence[EventRecord]) -> list[int]:
        """Append in order, and return each record's offset once all are acknowledged.

        Raises:
            EventsNotTaken: some may have been appended; the call may be repeated.
        """
        ...

    async def answers(self) -> None:
        """Return if it could be appended to now.

        Raises:
            EventsNotTaken: it does not answer.
        """
        ...


class _Answer(msgspec.Struct, array_like=True, frozen=True):
    """What is kept under an idempotency key; without a token it is only claimed."""

    request: bytes
    accepted: int = 0
    token: str = ""
    refused: tuple[tuple[int, str], ...] = ()


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Answer)


class Ingest:
    """Takes events in.

    Args:
        partitions: Of the topics of events.
        now_ms: Milliseconds since the epoch; judges events that lie ahead.
        consents: Finds events whose user's consent is missing; None where none is needed.
        vocabulary: Attributes that users may state; the workers' own.
    """

    def __init__(
        self,
        *,
        log: EventLog,
        answers: AnswerStore,
        partitions: int,
        now_ms: Callable[[], int],
        limits: Limits = DEFAULT_LIMITS,
        consents: ConsentCheck | None = None,
        vocabulary: Vocabulary = ANY_ATTRIBUTES,
    ) -> None:
        self._event_log = log
        self._answers = answers
        self._partitions = partitions
        self._now_ms = now_ms
        self._limits = limits
        self._consents = consents
        self._vocabulary = vocabulary

    async def readiness(self) -> StoreReadinessView:
        """Whether the log of events answers."""
        try:
            await self._event_log.answers()
        except EventsNotTaken as error:
            return StoreReadinessView(ready=False, error=str(error))
        return StoreReadinessView(ready=True, error=None)

    async def publish(
        self,
        tenant: str,
        body: bytes,
        *,
        idempotency_key: str | None = None,
        counted: Callable[[str], None] = lambda _kind: None,
    ) -> AcceptedView:
        """Send one event or an array of events; returns when Kafka holds every one of them.

        With an idempotency key, the same body under the same key is answered as it was the
        first time, for a day, and sent once. Without one it is sent again, which changes no
        profile: an event is known by its id.

        An event whose user's consent is missing, by the data policy, is not sent and named in the
        answer; the others are.

        Args:
            counted: Told the type of each event that Kafka took.

        Raises:
            InvalidName: the tenant is none.
            InvalidEvents: nothing was sent.
            OtherTenant: an event names another tenant; nothing was sent.
            EventsNotTaken: Kafka did not acknowledge everything in time.
            KeyReused: the key came with another body before.
            KeyInUse: a request with this key is still under way.
            StoreUnavailable: the key cannot be looked up.
        """
        require_name("tenant", tenant)
        if idempotency_key is None:
            return await self._sent(tenant, body, counted)
        name = _digest(b"strata-idem-key", tenant.encode(), idempotency_key.encode())
        request = _digest(b"strata-idem-body", body)
        claim = _encoder.encode(_Answer(request))
        held = await self._answers.claim(name, claim, lasting_s=_CLAIMED_S)
        if held is not None:
            return _given_before(_decoder.decode(held), request)
        try:
            accepted = await self._sent(tenant, body, counted)
        except Exception:
            # Whatever went wrong, the next attempt must not find the key in use.
            await self._forgotten(name)
            raise
        told = tuple((one.index, one.data_type) for one in accepted.refused)
        await self._kept(name, _Answer(request, accepted.accepted, accepted.token, told))
        return accepted

    async def _sent(self, tenant: str, body: bytes, counted: Callable[[str], None]) -> AcceptedView:
        records = records_of(
            body,
            tenant=tenant,
            now_ms=self._now_ms(),
            partitions=self._partitions,
            limits=self._limits,
            vocabulary=self._vocabulary,
        )
        refused: list[Refused] = []
        if self._consents is not None:
            refused = await self._consents.refused(
                records, now_ms=self._now_ms(), limits=self._limits
            )
            left_out = {one.index for one in refused}
            records = [one for index, one in enumerate(records) if index not in left_out]
        offsets = await self._event_log.append(records) if records else []
        reached: dict[tuple[str, int], int] = {}
        for record, offset in zip(records, offsets, strict=True):
            place = (record.topic, record.partition)
            reached[place] = max(reached.get(place, 0), offset)
            counted(record.kind)
        return AcceptedView(
            accepted=len(records),
            token=encode_token(reached),
            refused=tuple(_refused_view(one.index, one.kind) for one in refused),
        )

    async def _kept(self, name: bytes, answer: _Answer) -> None:
        try:
            await self._answers.keep(name, _encoder.encode(answer), lasting_s=KEPT_S)
        except StoreUnavailable:
            # The events are safe, so the request has succeeded; a repeat is sent again.
            _log.warning("an answer could not be kept under its idempotency key")

    async def _forgotten(self, name: bytes) -> None:
        try:
            await self._answers.drop(name)
        except StoreUnavailable:
            _log.warning("an idempotency key stays claimed until it expires")


def _given_before(answer: _Answer, request: bytes) -> AcceptedView:
    if answer.request != request:
        raise KeyReused
    if not answer.token:
        raise KeyInUse
    return AcceptedView(
        accepted=answer.accepted,
        token=answer.token,
        refused=tuple(_refused_view(index, kind) for index, kind in answer.refused),
    )


def _refused_view(index: int, kind: str) -> RefusedEventView:
    return RefusedEventView(
        index=index,
        data_type=kind,
        code="consent-missing",
        text=f"the user has not consented to {kind} being kept",
    )


def _digest(purpose: bytes, *parts: bytes) -> bytes:
    state = blake2b(digest_size=16, person=purpose)
    for part in parts:
        state.update(len(part).to_bytes(8, "little"))
        state.update(part)
    return state.digest()
