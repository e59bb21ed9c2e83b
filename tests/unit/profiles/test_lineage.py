"""Ids go on with their members, and what happened to personas is told."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.lineage import Lineage, Transition, trace
from schemas.persona_events import PersonaFate


def traced(
    groups: list[tuple[str | None, int, int]], *, clusters: int, next_number: int = 9
) -> Lineage:
    """`groups` are (persona before, new cluster, how many)."""
    before = [name for name, _, count in groups for _ in range(count)]
    after = np.array([new for _, new, count in groups for _ in range(count)], np.intp)
    return trace(before, after, clusters=clusters, next_number=next_number)


def test_whoever_stays_together_keeps_the_id_whatever_the_clusters_are_called() -> None:
    found = traced([("p1", 1, 40), ("p2", 0, 30), ("p2", 1, 5)], clusters=2)
    assert found == Lineage(("p2", "p1"), 9, ())


def test_the_first_clusters_are_born() -> None:
    found = traced([(None, 0, 12), (None, 1, 8)], clusters=2, next_number=1)
    assert found.ids == ("p1", "p2")
    assert found.next_number == 3
    assert found.transitions == (
        Transition(PersonaFate.BIRTH, "p1", None, 12),
        Transition(PersonaFate.BIRTH, "p2", None, 8),
    )


def test_newcomers_who_find_together_are_a_birth() -> None:
    found = traced([("p1", 0, 50), (None, 1, 20), ("p1", 1, 4), ("p2", 2, 9)], clusters=3)
    assert found.ids == ("p1", "p9", "p2")
    assert found.transitions == (Transition(PersonaFate.BIRTH, "p9", None, 24),)


def test_of_a_persona_that_splits_the_larger_part_keeps_the_id() -> None:
    found = traced([("p1", 0, 30), ("p1", 1, 70), ("p2", 2, 40)], clusters=3)
    assert found.ids == ("p9", "p1", "p2")
    assert found.transitions == (Transition(PersonaFate.SPLIT, "p9", "p1", 30),)


def test_of_personas_that_merge_the_larger_keeps_the_id() -> None:
    found = traced([("p1", 0, 30), ("p2", 0, 70)], clusters=1)
    assert found.ids == ("p2",)
    assert found.transitions == (Transition(PersonaFate.MERGE, "p1", "p2", 30),)


def test_a_persona_whose_members_are_scattered_ends() -> None:
    others = [(f"p{n}", n - 2, 40) for n in (2, 3, 4)]
    found = traced([*others, *(("p1", n, 10) for n in range(3))], clusters=3)
    assert found.ids == ("p2", "p3", "p4")
    assert found.transitions == (Transition(PersonaFate.END, "p1", None, 30),)


def test_members_who_have_no_direction_any_more_carry_nothing_on() -> None:
    found = traced([("p1", -1, 30), ("p2", 0, 30)], clusters=1)
    assert found.ids == ("p2",)
    assert found.transitions == (Transition(PersonaFate.END, "p1", None, 30),)


def test_nobody_is_no_lineage() -> None:
    assert traced([], clusters=0) == Lineage((), 9, ())


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="1 members before, 2 after"):
        trace(["p1"], np.zeros(2, np.intp), clusters=1, next_number=2)


@given(
    st.lists(st.tuples(st.sampled_from([None, "p1", "p2", "p3"]), st.integers(-1, 3)), max_size=60)
)
def test_ids_are_unique_and_every_persona_is_accounted_for(
    members: list[tuple[str | None, int]],
) -> None:
    before = [name for name, _ in members]
    found = trace(before, np.array([new for _, new in members], np.intp), clusters=4, next_number=4)
    assert len(set(found.ids)) == len(found.ids) == 4
    fates = {one.persona: one.fate for one in found.transitions}
    assert len(fates) == len(found.transitions)
    old = {name for name in before if name is not None}
    appeared = {PersonaFate.BIRTH, PersonaFate.SPLIT}
    assert {name for name, fate in fates.items() if fate in appeared} == set(found.ids) - old
    assert {name for name, fate in fates.items() if fate not in appeared} == old - set(found.ids)
    assert found.next_number == 4 + len(set(found.ids) - old)
