"""Keys keep tenants and users apart."""

import json

import pytest
from event_strategies import RECEIVED_MS, Members, dump, events, identifiers, texts
from hypothesis import assume, given
from hypothesis import strategies as st

from schemas import events as models
from schemas.fast import Rejection, decode
from schemas.keys import event_key, record_key
from schemas.topics import ITEMS, TOPIC_OF

tricky = st.one_of(
    texts, identifiers, st.text('["],\\ a', max_size=6), st.sampled_from(["default", '["a","b"]'])
)
tenants = st.one_of(st.just("default"), tricky)


@given(tenants, tricky, tenants, tricky)
def test_no_two_owners_share_a_key(tenant: str, ident: str, tenant_b: str, ident_b: str) -> None:
    assume((tenant, ident) != (tenant_b, ident_b))
    assert record_key(tenant, ident) != record_key(tenant_b, ident_b)


@given(tenants, tricky)
def test_a_key_tells_its_owner(tenant: str, ident: str) -> None:
    key = record_key(tenant, ident).decode()
    assert (json.loads(key) if key.startswith("[") else ["default", key]) == [tenant, ident]


@given(events)
def test_an_event_lies_under_its_user_or_its_item(members: Members) -> None:
    raw = dump(members)
    decoded = decode(raw, received_ms=RECEIVED_MS)
    validated = models.validate(raw, received_ms=RECEIVED_MS)
    assert not isinstance(decoded, Rejection)
    assert not isinstance(validated, Rejection)
    owner = "item_id" if TOPIC_OF[decoded.type] == ITEMS else "user_id"
    expected = record_key(str(members.get("tenant") or "default"), str(members[owner]))
    assert event_key(decoded) == event_key(validated) == expected


def test_half_a_surrogate_pair_has_no_key() -> None:
    with pytest.raises(UnicodeEncodeError):
        record_key("default", "\ud800")
