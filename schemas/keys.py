"""The keys of records: what Kafka partitions, compacts and is checked by."""

import json

from schemas import events, fast
from schemas.wire import DEFAULT_TENANT


def record_key(tenant: str, ident: str) -> bytes:
    """The key of a user's or an item's records; no two (tenant, ident) pairs share one.

    For the tenant `default` it is the id itself in UTF-8, so that any producer can write it;
    for every other tenant, and for ids that start with `[`, it is the compact JSON array
    `[tenant,id]`, non-ASCII characters as themselves. Compaction and partitioning can
    therefore not mix tenants.

    Raises:
        UnicodeEncodeError: half a surrogate pair cannot be written as UTF-8.

    >>> record_key("default", "anna"), record_key("shop", "anna"), record_key("default", "[x")
    (b'anna', b'["shop","anna"]', b'["default","[x"]')
    """
    if tenant == DEFAULT_TENANT and not ident.startswith("["):
        return ident.encode()
    return json.dumps([tenant, ident], ensure_ascii=False, separators=(",", ":")).encode()


def event_key(event: fast.FastEvent | events.Event) -> bytes:
    """The key an event must lie under: its item's for item types, its user's for all others."""
    if isinstance(event, _OF_ITEMS):
        return record_key(event.tenant, event.item_id)
    return record_key(event.tenant, event.user_id)


_OF_ITEMS = (fast.Item, fast.ItemRetired, events.Item, events.ItemRetired)
