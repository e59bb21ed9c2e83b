"""Users as points: id = UUID of the 16-byte key, dot product over unit vectors.

Not cosine storage: it would normalise what is already of unit length and give
back other floats than were written, and aggregates are exact only if a stored
vector is read back bit for bit.
"""

import math
from base64 import b64decode, b64encode
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from uuid import UUID

import msgspec
import numpy as np
from msgspec.structs import replace

from profiles.ids import draw_of, user_key
from profiles.ports import ScoredUser, StoreUnavailable, Token, UserRecord, UserStore, Vector
from stores.errors import StoreMismatch
from stores.points import (
    Collection,
    Differs,
    Equals,
    Except,
    Index,
    Payload,
    Point,
    PointId,
    Points,
    Stored,
    Where,
    finished,
    require_finite,
    vector_of,
)

__all__ = ["USERS", "PointUserStore", "outbox_in", "user_collection", "with_state"]

USERS: Final = "users"
"""The collection's name."""


def outbox_in(payload: Payload) -> bytes:
    """The update that a user's payload holds."""
    return _unpacked(msgspec.convert(payload, _Fields)).outbox


def with_state(payload: Payload, changed: Callable[[bytes], bytes]) -> Payload:
    """A user's payload with another encoded state; a stub stays as it is."""
    body = _unpacked(msgspec.convert(payload, _Fields))
    if not body.state:
        return payload
    return {**payload, "body": _packed(msgspec.structs.replace(body, state=changed(body.state)))}


def user_collection(dimension: int) -> Collection:
    return Collection(
        name=USERS,
        dimension=dimension,
        indexes={
            "tenant": Index.TENANT,
            "partition": Index.INTEGER,
            "token": Index.INTEGER,
            "found_in": Index.INTEGER,
            "waiting": Index.INTEGER,
            "vacant": Index.INTEGER,
        },
    )


class _Claim(msgspec.Struct, frozen=True):
    """The part of a user's payload that claiming looks at.

    Attributes:
        claimed_from: Token before the claim under `token`; None once written.
    """

    partition: int
    token: int
    version: int
    claimed_from: int | None = None

    @property
    def before(self) -> Token:
        """The token before this one's claim."""
        return Token(self.token if self.claimed_from is None else self.claimed_from)


class _Fields(_Claim, frozen=True, kw_only=True, omit_defaults=True):
    """A user's payload: what is asked by, and `_Body` in one piece.

    Every field costs a microsecond or two to hand over, and its index as much again, so
    a field that says nothing is left out (a boolean is 1 or absent).

    Attributes:
        found_in: The item space of those who can be similar to somebody: of mass > 0.
        body: Encoded `_Body` as base64, as a payload is JSON.
    """

    tenant: str
    body: str
    found_in: int | None = None
    waiting: int | None = None
    vacant: int | None = None


class _Body(msgspec.Struct, frozen=True, array_like=True):
    """What nobody asks by."""

    user_id: str
    state: bytes = b""
    outbox: bytes = b""
    persona: str | None = None
    mass: float = 0.0
    space: int = 0


_CLAIM_FIELDS = _Claim.__struct_fields__
_SET: Final = 1

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Body)


def _packed(body: _Body) -> str:
    return b64encode(_encoder.encode(body)).decode("ascii")


def _unpacked(fields: _Fields) -> _Body:
    return _decoder.decode(b64decode(fields.body))


@dataclass(frozen=True, slots=True)
class _Claimant:
    partition: int
    token: Token


@lru_cache(maxsize=1 << 14)
def _point_id(key: bytes) -> str:
    # As `str(UUID(bytes=key))`, in a quarter of the time.
    digits = key.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


class PointUserStore(UserStore):
    """Users over any `Points`.

    **Fencing.** Tokens of a partition only grow, and the store applies all
    writes to a point one after the other. So `claim` is right if, when it
    returns, every asked point carries this token or a newer one: a conditional
    write under an older token then finds its condition false. It gets there in
    rounds:

    1. read the claims;
    2. insert a stub for each absent point, only if it is still absent — if a
       zombie's stub lands first, ours changes nothing;
    3. for each older token `t` seen, set `token` to ours and `claimed_from` to
       `t` where `token` is still exactly `t`;
    4. start over with those touched. Whatever is still older was claimed
       between 1 and 3 by an owner between `t` and us; tokens only grow, so
       this ends.

    States are read after that, so a zombie's write is either in what is
    returned (it came before 3) or refused (after). Because 3 compares for
    equality, `claimed_from` is exactly the token before; because it is stored,
    a claim repeated after a lost answer reports it again.
    """

    def __init__(self, points: Points) -> None:
        self._points = points

    async def claim(
        self, users: Sequence[tuple[str, str]], *, partition: int, token: Token
    ) -> list[UserRecord]:
        names = {user_key(*name): name for name in users}
        claimant = _Claimant(partition, token)
        settled: dict[bytes, _Claim] = {}
        while len(settled) < len(names):
            keys = [key for key in names if key not in settled]
            claims = await self._claims(keys)
            settled |= {key: claim for key, claim in claims.items() if claim.token >= token}
            await self._insert_stubs(
                [names[key] for key in keys if key not in claims], claimant=claimant
            )
            await self._raise_tokens(
                {key: claim for key, claim in claims.items() if claim.token < token},
                claimant=claimant,
            )
        records = await self._settled_records(names, settled, claimant=claimant)
        return [records[user_key(*name)] for name in users]

    async def write(self, records: Sequence[UserRecord]) -> None:
        if not records:
            return
        if len({record.token for record in records}) != 1:
            raise ValueError("one write carries one token")
        await self._points.update_if(
            [_point(record) for record in records], (Equals("token", records[0].token),)
        )

    async def remove(self, records: Sequence[UserRecord], *, token: Token) -> None:
        await finished(
            self._points.delete_if(
                [_point_id(record.key)],
                (
                    Equals("vacant", 1),
                    Equals("token", token),
                    Equals("version", record.version),
                ),
            )
            for record in records
        )

    async def read(self, keys: Sequence[bytes]) -> list[UserRecord | None]:
        stored = await self._points.retrieve([_point_id(key) for key in keys], vectors=True)
        return [None if point is None else _record(point) for point in stored]

    async def scan(
        self,
        *,
        partition: int | None = None,
        tenant: str | None = None,
        waiting: bool | None = None,
        vacant: bool | None = None,
        draw_below: int | None = None,
        page: int = 512,
    ) -> AsyncIterator[list[UserRecord]]:
        where: Where = (
            *(() if partition is None else (Equals("partition", partition),)),
            *(() if tenant is None else (Equals("tenant", tenant),)),
            *(() if waiting is None else (_is_set("waiting", waiting),)),
            *(() if vacant is None else (_is_set("vacant", vacant),)),
        )
        async for stored in self._pages(where, draw_below=draw_below, page=page, vectors=True):
            yield [_record(point) for point in stored]

    async def versions(
        self, *, tenant: str, draw_below: int | None = None, page: int = 4_096
    ) -> AsyncIterator[list[tuple[bytes, int]]]:
        pages = self._pages(
            (Equals("tenant", tenant),),
            draw_below=draw_below,
            page=page,
            vectors=False,
            fields=("version",),
        )
        async for stored in pages:
            yield [
                (_key_of(point), msgspec.convert(point.payload["version"], int)) for point in stored
            ]

    async def _pages(
        self,
        where: Where,
        *,
        draw_below: int | None,
        page: int,
        vectors: bool,
        fields: tuple[str, ...] | None = None,
    ) -> AsyncIterator[list[Stored]]:
        start: PointId | None = None
        while True:
            stored, start = await self._points.scroll(
                where, start=start, limit=page, vectors=vectors, fields=fields
            )
            if draw_below is not None and stored:
                # Points come in the order of their keys, which is that of draws.
                within = [one for one in stored if draw_of(_key_of(one)) < draw_below]
                start = start if len(within) == len(stored) else None
                stored = within
            if stored:
                yield stored
            if start is None:
                return

    async def similar(
        self,
        *,
        tenant: str,
        vector: Vector,
        space: int,
        limit: int,
        exclude: bytes | None = None,
    ) -> list[ScoredUser]:
        require_finite(vector, owner="the query")
        length = np.float32(np.linalg.norm(vector))
        direction = vector / length if length > 0 else vector
        where: Where = (
            Equals("tenant", tenant),
            Equals("found_in", space),
            *(() if exclude is None else (Except((_point_id(exclude),)),)),
        )
        hits = await self._points.search(direction, where=where, limit=limit)
        return [ScoredUser(_record(hit.point), hit.score) for hit in hits]

    async def count(self, *, tenant: str | None = None) -> int:
        return await self._points.count(() if tenant is None else (Equals("tenant", tenant),))

    async def _claims(self, keys: Sequence[bytes]) -> dict[bytes, _Claim]:
        stored = await self._points.retrieve(
            [_point_id(key) for key in keys], vectors=False, fields=_CLAIM_FIELDS
        )
        return {
            key: msgspec.convert(point.payload, _Claim)
            for key, point in zip(keys, stored, strict=True)
            if point is not None
        }

    async def _insert_stubs(self, names: Iterable[tuple[str, str]], *, claimant: _Claimant) -> None:
        zeros = np.zeros(self._points.dimension, np.float32)
        stubs = [
            Point(_point_id(user_key(*name)), zeros, _payload(_stub(name, claimant)))
            for name in names
        ]
        if stubs:
            await self._points.insert_only(stubs)

    async def _raise_tokens(self, claims: dict[bytes, _Claim], *, claimant: _Claimant) -> None:
        by_token: dict[int, list[PointId]] = defaultdict(list)
        for key, claim in claims.items():
            _require_partition(key, claim, claimant=claimant)
            by_token[claim.token].append(_point_id(key))
        await finished(
            self._points.set_payload_if(
                ids,
                {"token": claimant.token, "claimed_from": before},
                (Equals("token", before),),
            )
            for before, ids in by_token.items()
        )

    async def _settled_records(
        self,
        names: dict[bytes, tuple[str, str]],
        claims: dict[bytes, _Claim],
        *,
        claimant: _Claimant,
    ) -> dict[bytes, UserRecord]:
        """Records under the token before the claim, or under the newer owner's."""
        for key, claim in claims.items():
            _require_partition(key, claim, claimant=claimant)
        # A stub's content is known, so a flood of new users reads no vectors.
        touched = [key for key, claim in claims.items() if claim.version > 0]
        stored = await self._points.retrieve([_point_id(key) for key in touched], vectors=True)
        records = {
            key: _stub_record(
                key, names[key], claim, dimension=self._points.dimension, token=claimant.token
            )
            for key, claim in claims.items()
            if claim.version == 0
        }
        for key, point in zip(touched, stored, strict=True):
            if point is None:
                raise StoreUnavailable(f"user {key.hex()} was deleted while being claimed")
            fields = msgspec.convert(point.payload, _Fields)
            before = fields.before if fields.token == claimant.token else Token(fields.token)
            records[key] = replace(_record(point), token=before)
        return records


def _require_partition(key: bytes, claim: _Claim, *, claimant: _Claimant) -> None:
    if claim.partition != claimant.partition:
        raise StoreMismatch(
            f"user {key.hex()} is stored under partition {claim.partition} but claimed by "
            f"{claimant.partition}: changed partition counts need a replay"
        )


def _stub(name: tuple[str, str], claimant: _Claimant) -> _Fields:
    tenant, user_id = name
    return _Fields(
        tenant=tenant,
        partition=claimant.partition,
        token=claimant.token,
        version=0,
        body=_packed(_Body(user_id)),
    )


def _stub_record(
    key: bytes, name: tuple[str, str], claim: _Claim, *, dimension: int, token: Token
) -> UserRecord:
    tenant, user_id = name
    return UserRecord(
        key=key,
        tenant=tenant,
        user_id=user_id,
        partition=claim.partition,
        token=claim.before if claim.token == token else Token(claim.token),
        version=0,
        state=b"",
        outbox=b"",
        vector=np.zeros(dimension, np.float32),
        persona=None,
        waiting=False,
        mass=0.0,
    )


def _point(record: UserRecord) -> Point:
    if not math.isfinite(record.mass):
        raise ValueError(f"the mass of user {record.key.hex()} is not finite")
    body = _Body(
        record.user_id, record.state, record.outbox, record.persona, record.mass, record.space
    )
    fields = _Fields(
        tenant=record.tenant,
        partition=record.partition,
        token=record.token,
        version=record.version,
        found_in=record.space if record.mass > 0.0 else None,
        waiting=_SET if record.waiting else None,
        vacant=_SET if record.vacant else None,
        body=_packed(body),
    )
    return Point(_point_id(record.key), record.vector, _payload(fields))


def _payload(fields: _Fields) -> Payload:
    payload: Payload = msgspec.to_builtins(fields)
    return payload


def _is_set(field: str, wanted: bool) -> Equals | Differs:  # noqa: FBT001 - it is what is compared
    return Equals(field, _SET) if wanted else Differs(field, _SET)


def _key_of(point: Stored) -> bytes:
    return UUID(str(point.id)).bytes


def _record(point: Stored) -> UserRecord:
    fields = msgspec.convert(point.payload, _Fields)
    body = _unpacked(fields)
    return UserRecord(
        key=_key_of(point),
        tenant=fields.tenant,
        user_id=body.user_id,
        partition=fields.partition,
        token=Token(fields.token),
        version=fields.version,
        state=body.state,
        outbox=body.outbox,
        vector=vector_of(point),
        persona=body.persona,
        waiting=fields.waiting == _SET,
        mass=body.mass,
        space=body.space,
        vacant=fields.vacant == _SET,
    )
