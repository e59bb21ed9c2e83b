"""Which versions of all profiles there are, and which one is in force.

One document per namespace, replaced as a whole where it is still the one that was read. Its
`current` is the pointer: a lookup reads it once and then asks the stores of that version alone,
so what lies in Qdrant and what lies in Redis change in one step.
"""

import fcntl
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Protocol

import msgspec
import numpy as np
from msgspec.structs import replace

from stores.points import Collection, Equals, Index, Point, Points

__all__ = [
    "VERSION_COLLECTION",
    "FileVersionStore",
    "PointVersionStore",
    "Version",
    "VersionConflict",
    "VersionRefused",
    "VersionStore",
    "Versions",
    "VersionsUnreadable",
    "changed",
]

VERSION_COLLECTION: Final = Collection(
    name="versions", dimension=1, indexes={"revision": Index.INTEGER}
)
_ONLY_POINT: Final = 0
_ATTEMPTS: Final = 20

Offsets = dict[str, dict[int, int]]
"""Topic → partition → offset."""


class VersionRefused(ValueError):
    """The step makes no sense for these versions; the message says why."""


class VersionConflict(RuntimeError):
    """Others keep changing the versions."""


class VersionsUnreadable(ValueError):
    """What says which version is in force is damaged."""


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A version beside the first one, and how it is made.

    Attributes:
        namespace: Of its stores; its own.
        policy: As TOML; None for that of the settings.
        personas: Declared ones, as TOML; None for those of the settings.
        starts: Where its workers began in each topic.
        ends: Where they stop; empty if they follow what comes.
        files: Of history that the topics do not hold; absolute paths and sizes in bytes.
        imported: The files are in a topic of the version, and needed no more.
        prepared: `starts` have been put in force.
        kept: The workers of the stack keep it up to date, not only those that build it.
        dropping: It is being removed.
    """

    name: str
    namespace: str
    created_ms: int
    embedding_model: str
    policy: str | None = None
    personas: str | None = None
    starts: Offsets = msgspec.field(default_factory=dict)
    ends: Offsets = msgspec.field(default_factory=dict)
    files: tuple[tuple[str, int], ...] = ()
    imported: bool = False
    prepared: bool = False
    kept: bool = False
    dropping: bool = False


class Versions(msgspec.Struct, frozen=True, kw_only=True):
    """All versions of a namespace; the first one, "", needs no description.

    Attributes:
        revision: Raised by every change.
        current: Name of the one in force.
        previous: The one that was before, to which a rollback goes; None if there is none.
    """

    revision: int = 0
    current: str = ""
    previous: str | None = None
    others: Mapping[str, Version] = msgspec.field(default_factory=dict)

    def known(self, name: str) -> Version:
        """Raises `VersionRefused` if there is none of that name."""
        found = self.others.get(name)
        if found is None:
            there = ", ".join(sorted(self.others)) or "none"
            raise VersionRefused(f"there is no version {name}; there are: {there}")
        return found

    def with_version(self, version: Version) -> "Versions":
        """A version is added, or described anew."""
        return replace(
            self, revision=self.revision + 1, others={**self.others, version.name: version}
        )

    def promotable(self, name: str) -> Version:
        """The version, if it may be put in force.

        Raises:
            VersionRefused: there is none, or it is no candidate.
        """
        version = self.known(name)
        if version.dropping:
            raise VersionRefused(f"{name} is being dropped")
        if version.ends:
            raise VersionRefused(
                f"{name} ends at chosen offsets and does not follow what comes: build one "
                "without --until"
            )
        if not version.prepared:
            raise VersionRefused(f"{name} has not been built yet: strata replay --into {name}")
        if self.current == name:
            raise VersionRefused(f"{name} is in force already")
        return version

    def promoted(self, name: str) -> "Versions":
        """`name` is in force, and what was is the way back."""
        self.promotable(name)
        return replace(self, revision=self.revision + 1, current=name, previous=self.current)

    def rolled_back(self) -> "Versions":
        """What was before is in force again, and what was in force can be gone back to."""
        if self.previous is None:
            raise VersionRefused("nothing was promoted that could be rolled back")
        return replace(
            self, revision=self.revision + 1, current=self.previous, previous=self.current
        )

    def dropping(self, name: str) -> "Versions":
        """Workers leave `name` alone; what is stored may be removed once they have ended."""
        version = self.known(name)
        if self.current == name:
            raise VersionRefused(f"{name} is in force: promote another or roll back first")
        marked = replace(version, kept=False, dropping=True)
        return replace(
            self,
            revision=self.revision + 1,
            others={**self.others, name: marked},
            previous=None if self.previous == name else self.previous,
        )

    def without(self, name: str) -> "Versions":
        """`name` is gone."""
        left = {key: one for key, one in self.others.items() if key != name}
        return replace(self, revision=self.revision + 1, others=left)


class VersionStore(Protocol):
    """Keeps the document. Every method may raise `StoreUnavailable`."""

    async def read(self) -> Versions: ...

    async def replace(self, before: Versions, after: Versions) -> bool:
        """Store `after` if `before` is still what is stored; False if it is not."""
        ...


async def changed(store: VersionStore, step: Callable[[Versions], Versions]) -> Versions:
    """Take one step, again on top of whatever others did meanwhile; what came of it.

    Raises:
        VersionRefused: by `step`.
        VersionConflict: others were always faster.
    """
    for _ in range(_ATTEMPTS):
        before = await store.read()
        after = step(before)
        if await store.replace(before, after):
            return after
    raise VersionConflict("others change the versions all the time; try again")


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(Versions)


def _read(encoded: bytes | str, where: str) -> Versions:
    try:
        return _decoder.decode(encoded)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise VersionsUnreadable(f"the versions cannot be read, {where}: {error}") from error


class FileVersionStore(VersionStore):
    """In a file beside embedded storage, which only its owner can open: the file, anybody.

    A rename replaces it, so a reader sees one document whole. Reading an unchanged file again
    costs one system call.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[tuple[int, int, int], Versions] | None = None

    async def read(self) -> Versions:
        return self.held()

    async def replace(self, before: Versions, after: Versions) -> bool:
        return self._replace(before, after)

    def held(self) -> Versions:
        """As `read`, for who does not wait."""
        try:
            found = self._path.stat()
            sign = (found.st_ino, found.st_mtime_ns, found.st_size)
            if self._seen is None or self._seen[0] != sign:
                self._seen = (sign, _read(self._path.read_bytes(), str(self._path)))
        except FileNotFoundError:
            return Versions()
        return self._seen[1]

    def _replace(self, before: Versions, after: Versions) -> bool:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self.held() != before:
                return False
            draft = self._path.with_suffix(".draft")
            with draft.open("wb") as file:
                file.write(msgspec.json.format(_encoder.encode(after)))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
            return True


class PointVersionStore(VersionStore):
    """In one point: a Qdrant server is shared by all who need to know.

    Not in Redis, which may come back empty: the version in force would be another then.
    """

    def __init__(self, points: Points) -> None:
        self._points = points

    async def read(self) -> Versions:
        (point,) = await self._points.retrieve([_ONLY_POINT], vectors=False)
        if point is None:
            return Versions()
        body = point.payload["body"]
        if not isinstance(body, str):
            raise TypeError("the body of the versions is text")
        return _read(body, "what Qdrant holds of them")

    async def replace(self, before: Versions, after: Versions) -> bool:
        if before.revision == 0:
            # A conditional write does not guard a first insert; an insert-only stub does.
            await self._points.insert_only([_point(Versions())])
        await self._points.update_if([_point(after)], (Equals("revision", before.revision),))
        # A refused write is silent.
        return await self.read() == after


def _point(versions: Versions) -> Point:
    return Point(
        _ONLY_POINT,
        np.zeros(1, np.float32),
        {"revision": versions.revision, "body": _encoder.encode(versions).decode()},
    )
