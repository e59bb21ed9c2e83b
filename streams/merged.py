"""What the partitions counted, summed."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Merged", "Tables"]

Tables = dict[tuple[str, str], dict[bytes, int]]


@dataclass(frozen=True, slots=True)
class Merged:
    """All counters of one tenant, summed over partitions.

    Attributes:
        as_of_ms: Event time: the smaller of the watermark and the clock.
        scopes: Scope → (series, part) → counters.
        stale: Some partition is being rebuilt.
    """

    tenant: str
    as_of_ms: int
    scopes: Mapping[str, Tables]
    stale: bool

    def table(self, scope: str, series: str) -> Mapping[bytes, int]:
        return self.scopes.get(scope, {}).get((series, ""), {})

    @property
    def events(self) -> int:
        """Events counted, all types."""
        return sum(self.table("", "events").values())

    def size(self, scope: str, what: bytes) -> int:
        """Members of a scope: b"users", or b"directed" for those with a vector."""
        return self.table(scope, "size").get(what, 0)
