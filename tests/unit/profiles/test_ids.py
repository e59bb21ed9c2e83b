"""Identities do not meet, whatever is in the names."""

from hypothesis import assume, given
from hypothesis import strategies as st

from profiles.ids import action_code, event_hash, item_key, user_key

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
parts = st.tuples(names, names)


@given(parts, parts)
def test_different_users_and_items_have_different_keys(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    assume(one != other)
    assert user_key(*one) != user_key(*other)
    assert item_key(*one) != item_key(*other)


@given(names, names, names)
def test_moving_characters_between_tenant_and_name_changes_the_key(
    start: str, middle: str, end: str
) -> None:
    assume(middle)
    assert user_key(start + middle, end) != user_key(start, middle + end)
    assert item_key(start + middle, end) != item_key(start, middle + end)


def test_a_name_means_something_else_as_user_item_event_and_action() -> None:
    user = int.from_bytes(user_key("t", "x")[:8], "little")
    assert len({user, item_key("t", "x"), event_hash("x"), action_code("x")}) == 4


@given(names, names)
def test_keys_fit_their_fields(tenant: str, name: str) -> None:
    assert len(user_key(tenant, name)) == 16
    assert 0 <= item_key(tenant, name) < 2**64
    assert 0 <= event_hash(name) < 2**32
    assert 0 <= action_code(name) < 2**16


def test_identities_stay_what_they_are() -> None:
    # Stored states and point ids hold these: changing them orphans what is stored.
    assert user_key("default", "u").hex() == "f6971c000079cd319bb7aca7a6e68969"
    assert item_key("default", "i") == 5_407_943_137_824_148_619
    assert event_hash("e") == 2_017_508_153
    assert action_code("rate") == 30_134
