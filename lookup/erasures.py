"""Asking for an erasure, and reading its receipt.

An erasure is an event like any other; the stream carries it out and writes the receipt.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from lookup.errors import NotKnown
from lookup.ingest import KEPT_S, Ingest
from lookup.options import require_name
from profiles.ids import user_key
from profiles.ports import UserStore
from profiles.privacy.erasure import ErasureStore, Receipt
from profiles.privacy.pseudonyms import Secret, pseudonym, receipt_key
from profiles.state import UserState, decode_state
from schemas.instants import rfc3339
from schemas.privacy_views import ErasureStage, ErasureView
from stores.answers import AnswerStore

__all__ = ["Erasures", "UnknownErasure"]


class UnknownErasure(NotKnown):
    """No erasure has this id, or it was another tenant's."""


class _Asked(msgspec.Struct, array_like=True, frozen=True):
    """What is kept of an erasure until the stream has written its receipt."""

    subject: bytes
    requested_ms: int


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Asked)


class Erasures:
    """Errors as in `Lookup` and `Ingest.publish`.

    Args:
        others: Stores of the other versions that are kept, by name; each erases for itself.
        answers: Keeps for a day what was asked for.
        secret: The workers' own.
        new_id: Makes ids that nobody guesses.
    """

    def __init__(
        self,
        *,
        store: ErasureStore,
        users: UserStore,
        answers: AnswerStore,
        ingest: Ingest,
        secret: Secret,
        now_ms: Callable[[], int],
        new_id: Callable[[], str],
        others: Callable[[], Mapping[str, ErasureStore]] = dict,
    ) -> None:
        self._store = store
        self._others = others
        self._users = users
        self._answers = answers
        self._ingest = ingest
        self._secret = secret
        self._now_ms = now_ms
        self._new_id = new_id

    async def ask(self, tenant: str, user_id: str) -> ErasureView:
        """Ask for everything about a user to be erased; returns once Kafka holds the request."""
        require_name("tenant", tenant)
        require_name("user_id", user_id)
        (record,) = await self._users.read([user_key(tenant, user_id)])
        # Nothing may be later than the erasure, however fast a producer's clock goes.
        newest_ms = -1 if record is None else _newest_ms(decode_state(record.state))
        requested_ms = max(self._now_ms(), newest_ms)
        erasure_id = self._new_id()
        event = {
            "type": "erasure",
            "event_id": erasure_id,
            "occurred_at": rfc3339(requested_ms),
            "tenant": tenant,
            "user_id": user_id,
        }
        asked = _Asked(pseudonym(self._secret, tenant, user_id), requested_ms)
        name = receipt_key(self._secret, tenant, erasure_id)
        await self._answers.keep(name, _encoder.encode(asked), lasting_s=KEPT_S)
        await self._ingest.publish(tenant, json.dumps(event).encode())
        return _pending(erasure_id, tenant, asked)

    async def receipt(self, tenant: str, erasure_id: str) -> ErasureView:
        """How far an erasure has come.

        Raises:
            UnknownErasure: there is none.
        """
        require_name("tenant", tenant)
        require_name("erasure_id", erasure_id)
        key = receipt_key(self._secret, tenant, erasure_id)
        receipt = await self._store.receipt(key)
        if receipt is not None:
            versions = {
                name: await store.receipt(key) for name, store in sorted(self._others().items())
            }
            return _issued(erasure_id, receipt, versions)
        # A claim that lasts a second at most, where nothing was asked for.
        held = await self._answers.claim(key, b"", lasting_s=1)
        if not held:
            await self._answers.drop(key)
            raise UnknownErasure("there is no erasure of this id")
        return _pending(erasure_id, tenant, _decoder.decode(held))


def _newest_ms(state: UserState) -> int:
    times = [int(rows["time_ms"][-1]) for rows in state.sets.values() if len(rows)]
    times += [stated.time_ms for stated in state.attributes.values()]
    times += [said.time_ms for said in state.consents.values()]
    return max(times, default=-1)


def _pending(erasure_id: str, tenant: str, asked: _Asked) -> ErasureView:
    return ErasureView(
        id=erasure_id,
        tenant=tenant,
        stage=ErasureStage.PENDING,
        subject=asked.subject.hex(),
        requested_at=rfc3339(asked.requested_ms),
        erased_at=None,
        rewritten_at=None,
        before=None,
        after=None,
        log_until={},
    )


def _issued(
    erasure_id: str, receipt: Receipt, versions: Mapping[str, Receipt | None]
) -> ErasureView:
    """Args: versions: What the others have issued for it so far."""
    every = [receipt, *versions.values()]
    stage = min((_stage(one) for one in every), key=_ORDER.index)
    before, after = receipt.before, receipt.after
    if receipt.letters is not None:
        before = before | {"dead letters": {"letters": receipt.letters}}
    if after is not None and receipt.letters_ms is not None:
        after = after | {"dead letters": {"letters": 0}}
    erased = stage is not ErasureStage.PENDING
    complete = stage is ErasureStage.COMPLETE
    return ErasureView(
        id=erasure_id,
        tenant=receipt.tenant,
        stage=stage,
        subject=receipt.subject.hex(),
        requested_at=rfc3339(receipt.requested_ms),
        erased_at=_last(map(_erased_ms, every)) if erased else None,
        rewritten_at=_last(map(_rewritten_ms, every)) if complete else None,
        before=before,
        after=after,
        log_until={topic: _instant(until) for topic, until in receipt.log_until_ms.items()},
        versions={name: _stage(one) for name, one in versions.items()},
    )


_ORDER: Final = (ErasureStage.PENDING, ErasureStage.ERASED, ErasureStage.COMPLETE)


def _stage(receipt: Receipt | None) -> ErasureStage:
    if receipt is None:
        return ErasureStage.PENDING
    if receipt.rewritten_ms is not None:
        return ErasureStage.COMPLETE
    if receipt.erased_ms is not None and receipt.letters_ms is not None:
        return ErasureStage.ERASED
    return ErasureStage.PENDING


def _erased_ms(receipt: Receipt | None) -> int | None:
    """When the last thing had gone that could be shown: of the stores or of the dead letters."""
    if receipt is None:
        return None
    times = [at_ms for at_ms in (receipt.erased_ms, receipt.letters_ms) if at_ms is not None]
    return max(times, default=None)


def _rewritten_ms(receipt: Receipt | None) -> int | None:
    return None if receipt is None else receipt.rewritten_ms


def _last(times: Iterable[int | None]) -> str | None:
    return _instant(max((at_ms for at_ms in times if at_ms is not None), default=None))


def _instant(at_ms: int | None) -> str | None:
    return None if at_ms is None else rfc3339(at_ms)
