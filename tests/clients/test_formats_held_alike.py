"""Keys, partitions, tokens and cached views are those of the application."""

import datetime as dt

import msgspec
import pytest
from event_strategies import date_times, identifiers, instants, strange_values, texts
from hypothesis import given
from hypothesis import strategies as st

from profiles import ids
from schemas import instants as application_instants
from schemas import keys, partitions, positions, snapshots, topics
from schemas.json_values import Json
from strata_client import _strict
from strata_client import keys as client_keys
from strata_client import positions as client_positions
from strata_client.errors import UnexpectedAnswer
from strata_client.kafka import partition_of
from strata_client.quick import cache_key, from_cache

names = st.one_of(st.just("default"), identifiers, texts)
places = st.tuples(st.sampled_from(sorted(set(topics.TOPIC_OF.values()))), st.integers(0, 99))
held_positions = st.dictionaries(places, st.integers(0, 2**63 - 1), max_size=20)
finite = st.floats(allow_nan=False, allow_infinity=False)
profiles = st.builds(
    snapshots.CachedProfile,
    tenant=texts,
    user_id=texts,
    version=st.integers(1, 2**40),
    persona=st.none() | texts,
    mass=finite,
    effective_sample_size=finite,
    waiting=st.booleans(),
    newest_ms=st.none() | st.integers(0, 2**42),
    written_ms=st.integers(0, 2**42),
    vector=st.binary(max_size=16),
    interests=st.lists(
        st.builds(
            snapshots.Interest,
            item=st.integers(0, 2**64 - 1),
            worth=finite,
            time_ms=st.integers(0, 2**42),
            kind=texts,
            action=st.integers(0, 2**16 - 1),
        ),
        max_size=5,
        unique_by=lambda interest: interest.item,
    ).map(tuple),
    totals=st.dictionaries(texts, st.integers(0, 2**40), max_size=3),
    attributes=st.dictionaries(texts, st.one_of(texts, st.booleans(), finite), max_size=3),
    space=st.integers(0, 9),
)


@given(names, names)
def test_keys_are_the_applications(tenant: str, ident: str) -> None:
    assert client_keys.record_key(tenant, ident) == keys.record_key(tenant, ident)
    assert client_keys.user_key(tenant, ident) == ids.user_key(tenant, ident)
    assert client_keys.item_key(tenant, ident) == ids.item_key(tenant, ident)


@given(st.binary(max_size=40), st.integers(1, 1000))
def test_partitions_are_the_applications(key: bytes, count: int) -> None:
    assert partition_of(key, count) == partitions.partition_of(key, count)


@given(st.one_of(instants, date_times(), strange_values))
def test_instants_are_the_applications(value: Json) -> None:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        assert _strict.instant_ms(value) == application_instants.instant_ms(value)


def test_an_aware_datetime_has_a_spelling_that_is_taken() -> None:
    moment = dt.datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    assert _strict.instant_ms(moment.isoformat()) == int(moment.timestamp() * 1000)


@given(held_positions, held_positions)
def test_tokens_are_the_applications_and_join(
    one: dict[tuple[str, int], int], other: dict[tuple[str, int], int]
) -> None:
    assert client_positions.token_of(one) == positions.encode_token(one)
    assert client_positions.positions_of(positions.encode_token(one)) == one
    together = client_positions.joined(one, other)
    assert together.keys() == one.keys() | other.keys()
    for place, offset in together.items():
        assert offset == max(held[place] for held in (one, other) if place in held)


@pytest.mark.parametrize("token", ["", "x", "ü", "A" * 40, positions.encode_token({})[:-1] + "!"])
def test_what_is_no_token_is_an_unexpected_answer(token: str) -> None:
    with pytest.raises(UnexpectedAnswer):
        client_positions.positions_of(token)


@given(profiles)
def test_a_cached_view_is_read_as_the_application_wrote_it(
    profile: snapshots.CachedProfile,
) -> None:
    held = profile.version.to_bytes(8, "big") + snapshots.encode_profile(profile)
    quick = from_cache(held)
    assert quick is not None
    for name in ("tenant", "user_id", "version", "persona", "mass", "effective_sample_size"):
        assert getattr(quick, name) == getattr(profile, name)
    assert (quick.waiting, quick.newest_ms) == (profile.waiting, profile.newest_ms)
    assert quick.vector == (profile.vector or None)
    assert quick.interests == {one.item: one.worth for one in profile.interests}
    assert (quick.totals, quick.attributes) == (profile.totals, profile.attributes)
    assert quick.source == "redis"


@given(profiles, st.integers(0, 60), st.binary(max_size=30))
def test_what_cannot_be_read_is_not_there(
    profile: snapshots.CachedProfile, cut: int, noise: bytes
) -> None:
    encoded = snapshots.encode_profile(profile)
    of_format_2 = b"\x02" + encoded[1:]
    for body in (encoded[: min(cut, len(encoded) - 1)], of_format_2, b"\x01" + noise):
        found = from_cache(b"\0" * 8 + body)
        assert found is None or isinstance(found.version, int)
    assert from_cache(b"\0" * 8 + of_format_2) is None
    assert from_cache(b"\0" * 8 + encoded[: min(cut, len(encoded) - 1)]) is None
    assert from_cache(None) is None


@given(profiles)
def test_what_a_newer_view_appends_is_ignored(profile: snapshots.CachedProfile) -> None:
    fields = msgspec.msgpack.decode(snapshots.encode_profile(profile)[1:])
    longer = b"\0" * 8 + b"\x01" + msgspec.msgpack.encode([*fields, "more", {"and": "more"}])
    quick = from_cache(longer)
    assert quick is not None
    assert quick.version == profile.version


@given(names, names)
def test_views_lie_where_the_application_puts_them(tenant: str, user_id: str) -> None:
    key = cache_key("live", tenant, user_id).decode()
    assert key == f"strata:live:view:{ids.user_key(tenant, user_id).hex()}"
