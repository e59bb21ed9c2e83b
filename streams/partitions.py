"""Which partition a key belongs to, under the name by which the write side knows it."""

from schemas.partitions import partition_of

__all__ = ["partition_of"]
