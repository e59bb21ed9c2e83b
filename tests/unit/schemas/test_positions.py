"""Position tokens carry positions whole, and refuse whatever was not made as one."""

from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.positions import LONGEST_TOKEN, InvalidToken, decode_token, encode_token
from schemas.topics import INTERACTIONS, TOPIC_OF

places = st.tuples(st.sampled_from(sorted(set(TOPIC_OF.values()))), st.integers(0, 2**31 - 1))
positions = st.dictionaries(places, st.integers(0, 2**63 - 1), max_size=20)


@given(positions)
def test_a_token_gives_back_its_positions(held: dict[tuple[str, int], int]) -> None:
    assert decode_token(encode_token(held)) == held


@given(positions, st.randoms(use_true_random=False))
def test_the_order_of_positions_does_not_show(
    held: dict[tuple[str, int], int], random: Random
) -> None:
    items = list(held.items())
    random.shuffle(items)
    assert encode_token(dict(items)) == encode_token(held)


@given(positions.filter(bool), st.data())
def test_an_altered_or_cut_token_is_refused(
    held: dict[tuple[str, int], int], data: st.DataObject
) -> None:
    token = encode_token(held)
    at = data.draw(st.integers(0, len(token) - 2))
    other = data.draw(st.sampled_from("ABCabc019-_").filter(lambda c: c != token[at]))
    with pytest.raises(InvalidToken):
        decode_token(token[:at] + other + token[at + 1 :])
    with pytest.raises(InvalidToken):
        decode_token(token[:at])


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: raw.hex()))
@example("")
@example("é")
@example("A" * (LONGEST_TOKEN + 1))
def test_other_text_is_no_token(text: str) -> None:
    with pytest.raises(InvalidToken):
        decode_token(text)


@pytest.mark.parametrize(
    "held",
    [
        {("strata.profile-updates", 0): 1},
        {("strata.nothing", 0): 1},
        {("strata.items", -1): 1},
        {("strata.items", 2**31): 1},
        {("strata.items", 0): -1},
    ],
)
def test_places_that_cannot_exist_are_refused(held: dict[tuple[str, int], int]) -> None:
    with pytest.raises(InvalidToken, match="cannot exist"):
        decode_token(encode_token(held))


def test_a_thousand_partitions_fit() -> None:
    held = {(INTERACTIONS, partition): 10**12 + partition for partition in range(1000)}
    assert len(encode_token(held)) <= LONGEST_TOKEN
