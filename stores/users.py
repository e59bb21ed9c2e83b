"""Users as points: id = UUID of the 16-byte key, dot product over unit vectors.

Not cosine storage: it would normalise what is already of unit length and give
back other floats than were written, and aggregates are exact only if a stored
vector is read back bit for bit.
"""

import math
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import msgspec
import numpy as np

from profiles.ids import draw_of, user_key
from profiles.ports import ScoredUser, StoreUnavailable, Token, UserRecord, UserStore, Vector
from stores.errors import StoreMismatch
from stores.points import (
    Above,
    AtMost,
    Collection,
    Equals,
    Except,
    Index,
    Point,
    PointId,
    Points,
    Stored,
    Where,
    finished,
    require_finite,
    vector_of,
)

__all__ = ["PointUserStore", "user_collection"]


def user_collection(dimension: int) -> Collection:
    return Collection(
        name="users",
        dimension=dimension,
        indexes={
            "tenant": Index.TENANT,
            "partition": Index.INTEGER,
            "persona": Index.KEYWORD,
            "waiting": Index.INTEGER,
            "token": Index.INTEGER,
            "mass": Index.FLOAT,
            "space": Index.INTEGER,
            "draw": Index.INTEGER,
            "vacant": Index.INTEGER,
        },
    )


class _Claim(msgspec.Struct, frozen=True):
    """The part of a user's payload that claiming looks at.

    Attributes:
        claimed_from: Token before the claim under `token`; `token` once written.
    """

    partition: int
    token: int
    claimed_from: int
    version: int


class _Fields(_Claim, frozen=True, kw_only=True):
    """A user's payload; bytes travel as base64, a boolean as 0 or 1 (see `Equals`).

    What was stored before `space` and `draw` were reads as 0; filters on them pass it
    over until its next write.
    """

    tenant: str
    user_id: str
    state: bytes = b""
    outbox: bytes = b""
    persona: str | None = None
    waiting: int = 0
    mass: float = 0.0
    space: int = 0
    draw: int = 0
    vacant: int = 0


_CLAIM_FIELDS = _Claim.__struct_fields__


@dataclass(frozen=True, slots=True)
class _Claimant:
    partition: int
    token: Token


def _point_id(key: bytes) -> str:
    return str(UUID(bytes=key))


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
            *(() if waiting is None else (Equals("waiting", int(waiting)),)),
            *(() if vacant is None else (Equals("vacant", int(vacant)),)),
            *(() if draw_below is None else (AtMost("draw", draw_below - 1),)),
        )
        async for stored in self._pages(where, page=page, vectors=True):
            yield [_record(point) for point in stored]

    async def versions(
        self, *, tenant: str, draw_below: int | None = None, page: int = 4_096
    ) -> AsyncIterator[list[tuple[bytes, int]]]:
        where: Where = (
            Equals("tenant", tenant),
            *(() if draw_below is None else (AtMost("draw", draw_below - 1),)),
        )
        async for stored in self._pages(where, page=page, vectors=False, fields=("version",)):
            yield [
                (UUID(str(point.id)).bytes, msgspec.convert(point.payload["version"], int))
                for point in stored
            ]

    async def _pages(
        self, where: Where, *, page: int, vectors: bool, fields: tuple[str, ...] | None = None
    ) -> AsyncIterator[list[Stored]]:
        start: PointId | None = None
        while True:
            stored, start = await self._points.scroll(
                where, start=start, limit=page, vectors=vectors, fields=fields
            )
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
            Equals("space", space),
            Above("mass", 0.0),
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
            Point(_point_id(user_key(*name)), zeros, msgspec.to_builtins(_stub(name, claimant)))
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
            before = fields.claimed_from if fields.token == claimant.token else fields.token
            records[key] = replace(_record(point), token=Token(before))
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
        user_id=user_id,
        partition=claimant.partition,
        token=claimant.token,
        claimed_from=claimant.token,
        version=0,
        draw=draw_of(user_key(tenant, user_id)),
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
        token=Token(claim.claimed_from if claim.token == token else claim.token),
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
    fields = _Fields(
        tenant=record.tenant,
        user_id=record.user_id,
        partition=record.partition,
        token=record.token,
        claimed_from=record.token,
        version=record.version,
        state=record.state,
        outbox=record.outbox,
        persona=record.persona,
        waiting=int(record.waiting),
        mass=record.mass,
        space=record.space,
        draw=draw_of(record.key),
        vacant=int(record.vacant),
    )
    return Point(_point_id(record.key), record.vector, msgspec.to_builtins(fields))


def _record(point: Stored) -> UserRecord:
    fields = msgspec.convert(point.payload, _Fields)
    return UserRecord(
        key=UUID(str(point.id)).bytes,
        tenant=fields.tenant,
        user_id=fields.user_id,
        partition=fields.partition,
        token=Token(fields.token),
        version=fields.version,
        state=fields.state,
        outbox=fields.outbox,
        vector=vector_of(point),
        persona=fields.persona,
        waiting=bool(fields.waiting),
        mass=fields.mass,
        space=fields.space,
        vacant=bool(fields.vacant),
    )
