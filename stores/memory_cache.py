"""The profile cache in a dictionary: the default of unit tests."""

from collections.abc import Sequence

from profiles.ports import ProfileCache

__all__ = ["MemoryProfileCache"]


class MemoryProfileCache(ProfileCache):
    def __init__(self) -> None:
        self._views: dict[bytes, tuple[int, bytes]] = {}

    async def put(self, views: Sequence[tuple[bytes, int, bytes]]) -> None:
        for key, version, view in views:
            if key not in self._views or self._views[key][0] < version:
                self._views[key] = (version, view)

    async def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        found = [self._views.get(key) for key in keys]
        return [None if entry is None else entry[1] for entry in found]

    async def forget(self, keys: Sequence[bytes]) -> None:
        for key in keys:
            self._views.pop(key, None)

    def clear(self) -> int:
        """Forget everything; how many views there were."""
        count = len(self._views)
        self._views.clear()
        return count
