"""The profile cache in a dictionary: the default of unit tests."""

from collections.abc import Mapping, Sequence

from profiles.ports import ProfileCache

__all__ = ["MemoryProfileCache"]


class MemoryProfileCache(ProfileCache):
    def __init__(self) -> None:
        self._views: dict[bytes, tuple[int, bytes]] = {}
        self._seals: dict[int, int] = {}

    async def put(
        self,
        views: Sequence[tuple[bytes, int, bytes | None]],
        *,
        seals: Mapping[int, tuple[int, int]] | None = None,
        anew: bool = False,
    ) -> None:
        for key, version, view in views:
            held = self._views[key][0] if key in self._views else -1
            if held > version or (held == version and not (anew and view is not None)):
                continue
            if view is None:
                self._views.pop(key, None)
            else:
                self._views[key] = (version, view)
        for partition, (before, after) in (seals or {}).items():
            if self._seals.get(partition, 0) == before:
                self._seals[partition] = after

    async def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        found = [self._views.get(key) for key in keys]
        return [None if entry is None else entry[1] for entry in found]

    async def forget(self, keys: Sequence[bytes]) -> None:
        for key in keys:
            self._views.pop(key, None)

    async def read_seal(self, partition: int) -> int:
        return self._seals.get(partition, 0)

    async def set_seal(self, partition: int, seal: int) -> None:
        self._seals[partition] = seal

    async def read_versions(self, cursor: int) -> tuple[int, list[tuple[bytes, int]]]:  # noqa: ARG002 - one page holds all
        return 0, [(key, version) for key, (version, _) in self._views.items()]

    def clear(self) -> int:
        """Forget everything; how many views there were."""
        count = len(self._views)
        self._views.clear()
        self._seals.clear()
        return count
