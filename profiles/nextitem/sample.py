"""Which users are learned from: those whose keys come first, so that everybody agrees."""

from heapq import heappush, heapreplace

__all__ = ["Sample"]


class Sample:
    """At most `most` user keys, the smallest; keys are hashes, so this is a uniform sample."""

    def __init__(self, most: int) -> None:
        self._most = most
        # A heap of complements: the largest key is at its top.
        self._largest: list[int] = []
        self._keys: set[bytes] = set()

    def admits(self, key: bytes) -> bool:
        """Whether the key belongs to the sample, or would."""
        if key in self._keys or len(self._keys) < self._most:
            return True
        return int.from_bytes(key) < -self._largest[0]

    def add(self, key: bytes) -> bytes | None:
        """Take in a key that is admitted; the key that had to go, if one had."""
        if key in self._keys:
            return None
        self._keys.add(key)
        if len(self._keys) <= self._most:
            heappush(self._largest, -int.from_bytes(key))
            return None
        gone = (-heapreplace(self._largest, -int.from_bytes(key))).to_bytes(len(key))
        self._keys.discard(gone)
        return gone
