"""Who the average silences, computed from the counters that personas have in the stream."""

import asyncio
import json
from collections import defaultdict

import numpy as np
import pytest

from bookshop.catalogue import load_books
from bookshop.personas import MINORITY, PERSONA_BY_NAME
from bookshop.simulator import simulate
from profiles.contributions import contribution, view_of
from profiles.effects import effects_of
from profiles.fold import Sourced, fold
from profiles.ids import item_key
from profiles.policy import DEFAULT_POLICY
from profiles.silencing import DEFAULT_SETTINGS
from profiles.state import EMPTY_STATE, UserState
from schemas.decoded import Item, ItemRetired
from schemas.fast import decode
from schemas.rejection import Rejection
from schemas.snapshots import SilencedGroup, SilencedSnapshot
from streams.merged import Merged, Tables
from streams.silencing import SilencingWatch, silenced_of

TENANT = "default"


def counted(scopes: dict[str, Tables]) -> Merged:
    return Merged(TENANT, 0, scopes, stale=False)


@pytest.fixture(scope="module")
def bookshop() -> Merged:
    """The shop's counters, with the planted personas in the place of discovered ones."""
    simulation = simulate(books=load_books(), seed=7, start_ms=1_767_225_600_000, readers=1_500)
    states: defaultdict[str, UserState] = defaultdict(lambda: EMPTY_STATE)
    for offset, record in enumerate(simulation.events):
        event = decode(json.dumps(record).encode(), received_ms=2**42)
        assert not isinstance(event, Rejection | Item | ItemRetired)
        sourced = Sourced("t", offset, effects_of(event, DEFAULT_POLICY))
        states[event.user_id] = fold(states[event.user_id], [sourced], DEFAULT_POLICY).state
    scopes: dict[str, Tables] = {}
    for user, state in states.items():
        part = contribution(view_of(state, np.zeros(2, np.int32)), DEFAULT_POLICY)
        for scope in ("", simulation.persona_of[user]):
            tables = scopes.setdefault(scope, {})
            size = tables.setdefault(("size", ""), {b"users": 0})
            size[b"users"] += 1
            for name, counters in part.counts.items():
                if name[0] not in {"positive", "negative", "events"}:
                    continue
                table = tables.setdefault(name, {})
                for counter, count in counters.items():
                    table[counter] = table.get(counter, 0) + count
    return counted(scopes)


def told(merged: Merged) -> SilencedSnapshot:
    found = silenced_of(merged, DEFAULT_POLICY, DEFAULT_SETTINGS, declared=())
    assert found is not None
    return found


def test_the_planted_minority_is_served_worst_and_that_is_an_alarm(bookshop: Merged) -> None:
    found = told(bookshop)
    assert found.satisfaction == "coverage"
    minority = next(one for one in found.groups if one.persona == MINORITY)
    assert found.groups[0] == minority
    assert minority.silenced
    assert minority.ratio is not None
    assert minority.ratio < 0.5
    assert minority.protected > minority.satisfaction
    assert found.price >= 0
    assert found.share >= minority.size / found.users
    verse = {
        item_key(TENANT, book.item_id)
        for book in load_books()
        if book.subject in PERSONA_BY_NAME[MINORITY].taste
    }
    assert minority.top in verse


def test_personas_are_told_of_only_when_there_are_two_of_some_size(bookshop: Merged) -> None:
    alone = counted({scope: bookshop.scopes[scope] for scope in ("", MINORITY)})
    assert silenced_of(alone, DEFAULT_POLICY, DEFAULT_SETTINGS, declared=()) is None


def test_declared_personas_overlap_and_are_left_out(bookshop: Merged) -> None:
    found = silenced_of(bookshop, DEFAULT_POLICY, DEFAULT_SETTINGS, declared={MINORITY})
    assert found is not None
    assert MINORITY not in {one.persona for one in found.groups}


def votes(*, ayes: dict[bytes, int], noes: dict[bytes, int], users: int) -> Tables:
    total = sum(ayes.values()) + sum(noes.values())
    return {
        ("size", ""): {b"users": users},
        ("positive", ""): ayes,
        ("negative", ""): noes,
        ("events", ""): {b"interactions/vote": total},
    }


def test_where_people_vote_approval_counts_and_each_vote_is_an_opinion() -> None:
    park, road = item_key(TENANT, "park").to_bytes(8, "little"), b"r" * 8
    many = votes(ayes={park: 20, road: 80}, noes={park: 80, road: 20}, users=100)
    few = votes(ayes={park: 24, road: 1}, noes={park: 1, road: 24}, users=25)
    both = votes(ayes={park: 44, road: 81}, noes={park: 81, road: 44}, users=125)
    found = told(counted({"": both, "p1": many, "p2": few}))
    assert found.satisfaction == "approval"
    assert found.share == 25 / 125
    assert isinstance(found.groups[0], SilencedGroup)
    assert (found.groups[0].persona, found.groups[0].top_reversed) == ("p2", True)
    assert found.groups[0].top == item_key(TENANT, "park")


def test_it_is_computed_again_when_enough_was_counted_or_a_minute_has_passed(
    bookshop: Merged,
) -> None:
    now_ms = [0]
    watch = SilencingWatch(DEFAULT_POLICY, DEFAULT_SETTINGS, clock_ms=lambda: now_ms[0])

    def after(events: int) -> Merged:
        more = dict(bookshop.table("", "events")) | {b"documents/write": events}
        everybody = dict(bookshop.scopes[""]) | {("events", ""): more}
        return counted(dict(bookshop.scopes) | {"": everybody})

    async def looks() -> list[SilencedSnapshot | None]:
        seen = [await watch.look(merged, declared=()) for merged in (after(0), after(0), after(1))]
        now_ms[0] = 60_000
        seen.append(await watch.look(after(1), declared=()))
        seen.append(await watch.look(after(bookshop.events), declared=()))
        return seen

    first, again, one_more, a_minute_later, doubled = asyncio.run(looks())
    assert first is again
    assert first is one_more
    assert a_minute_later is not first
    assert doubled is not a_minute_later
    assert first == told(bookshop)
