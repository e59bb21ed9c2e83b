"""Which partition a key belongs to: murmur2, as Kafka's Java client and aiokafka say.

Producers whose partitioner differs (librdkafka's default is CRC32) put records
where their key does not belong; the profile agent forwards those.
"""

from functools import lru_cache

from aiokafka.partitioner import murmur2

__all__ = ["partition_of"]


@lru_cache(maxsize=1 << 18)
def partition_of(key: bytes, partitions: int) -> int:
    """Partition in [0, partitions) of a record key.

    >>> partition_of(b"anna", 4)
    3
    """
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)
