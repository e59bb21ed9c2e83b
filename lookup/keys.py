"""API keys: what a key is, how it is made and written down, and who presents which. Pure.

A key is `strata_ID_SECRET`: 8 random bytes in hexadecimal that name it, and 32 random bytes
in base64url that prove it. Only its SHA-256 is kept. A guess has to hit one of 2**256, so
nothing is gained by a slow hash, which exists for passwords that people choose.
"""

import hmac
import re
import tomllib
from base64 import urlsafe_b64encode
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated, Final

import tomli_w
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from lookup.errors import InvalidName, KeysUnusable
from lookup.options import require_name
from lookup.scopes import Scope

__all__ = ["ApiKey", "KeyRing", "keys_as_toml", "new_key", "parse_keys"]

_ID_BYTES: Final = 8
_SECRET_BYTES: Final = 32
_KEY: Final = re.compile(rb"strata_([0-9a-f]{16})_[A-Za-z0-9_-]{43}")
_NOBODY: Final = bytes(32)
_LINE: Final = re.compile(r"at line [0-9]+")


def _tenant(text: str) -> str:
    try:
        require_name("tenant", text)
    except InvalidName as error:
        raise ValueError(error.message) from None
    return text


class ApiKey(BaseModel):
    """What is kept of a key.

    Attributes:
        sha256: Of the whole key, in hexadecimal.
        note: For people: whose it is.
        expires_at: From then on it is as unknown as any other.
        requests_per_s: That it may make in the long run; > 0.
        burst: Requests that it may make at once.
        max_body_bytes: Of one request; the service's own limits hold as well.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    tenant: Annotated[str, AfterValidator(_tenant)]
    scopes: Annotated[frozenset[Scope], Field(min_length=1)]
    note: str = ""
    expires_at: AwareDatetime | None = None
    requests_per_s: Annotated[float, Field(gt=0.0, le=1e6)] = 1_000.0
    burst: Annotated[int, Field(ge=1, le=10_000_000)] = 2_000
    max_body_bytes: Annotated[int, Field(ge=1)] = 4 << 20


class _KeysFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    key: tuple[ApiKey, ...] = ()


class KeyRing:
    """The keys in force.

    Args:
        keys: With ids of their own.
    """

    def __init__(self, keys: Iterable[ApiKey] = ()) -> None:
        self._by_id = {key.id: key for key in keys}

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[ApiKey]:
        return iter(self._by_id.values())

    def presented(self, key: bytes, *, now: datetime) -> ApiKey | None:
        """What is known of a key that somebody shows; None if it is not in force.

        The id is no secret. What has to be proved is compared in constant time, and for an id
        that nobody has as for one that somebody has.
        """
        shown = _KEY.fullmatch(key)
        held = self._by_id.get(shown[1].decode()) if shown is not None else None
        expected = bytes.fromhex(held.sha256) if held is not None else _NOBODY
        if not hmac.compare_digest(sha256(key).digest(), expected) or held is None:
            return None
        if held.expires_at is not None and now >= held.expires_at:
            return None
        return held


def new_key(
    *,
    tenant: str,
    scopes: Collection[Scope],
    note: str = "",
    expires_at: datetime | None = None,
    random: Callable[[int], bytes],
) -> tuple[str, ApiKey]:
    """A new key, to be shown once, and what is kept of it.

    Args:
        random: So many bytes that nobody can guess, as `secrets.token_bytes` gives.

    Raises:
        KeysUnusable: the tenant is none, or there is no scope.
    """
    ident = random(_ID_BYTES).hex()
    secret = urlsafe_b64encode(random(_SECRET_BYTES)).rstrip(b"=").decode()
    key = f"strata_{ident}_{secret}"
    try:
        kept = ApiKey(
            id=ident,
            sha256=sha256(key.encode()).hexdigest(),
            tenant=tenant,
            scopes=frozenset(scopes),
            note=note,
            expires_at=expires_at,
        )
    except ValidationError as error:
        raise KeysUnusable(_first(error)) from None
    return key, kept


def parse_keys(text: str) -> KeyRing:
    """Read what `keys_as_toml` writes.

    Raises:
        KeysUnusable: saying where; nothing of what stands there is repeated, for somebody may
            have put the key itself.
    """
    try:
        read = _KeysFile.model_validate(tomllib.loads(text)).key
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        place = _LINE.search(str(error))
        raise KeysUnusable(f"not TOML, {place[0] if place else 'at its end'}") from None
    except ValidationError as error:
        raise KeysUnusable(_first(error)) from None
    ids = [key.id for key in read]
    twice = {ident for ident in ids if ids.count(ident) > 1}
    if twice:
        raise KeysUnusable(f"the id {min(twice)} stands there twice")
    return KeyRing(read)


def keys_as_toml(keys: Iterable[ApiKey]) -> str:
    """The keys as a file holds them.

    Law: `parse_keys` gives them back.
    """
    rows = []
    for key in keys:
        row = key.model_dump(exclude_unset=True, exclude_none=True)
        rows.append(
            {
                name: sorted(value) if name == "scopes" else _utc(value)
                for name, value in row.items()
            }
        )
    return tomli_w.dumps({"key": rows}) if rows else ""


def _utc(value: object) -> object:
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def _first(error: ValidationError) -> str:
    found = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(str(part) for part in found['loc'])}: {found['msg']}"
