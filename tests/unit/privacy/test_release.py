"""No number that is told, and no difference of two, is about fewer than k people."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations, product

from hypothesis import given, settings
from hypothesis import strategies as st

from profiles.privacy.release import UNTOLD, Cell, rounded, told_anew
from profiles.privacy.releasing import (
    NOTHING_TOLD,
    ReleaseRecord,
    decode_record,
    encode_record,
    release,
)

ITEMS = (b"a" * 8, b"b" * 8)
SCOPES = ("", "p1", "p2")

# A person: their persona, what they like, their country.
Person = tuple[str, frozenset[bytes], str]
Population = Mapping[int, Person]
Cells = Mapping[tuple[str, str, str, bytes], frozenset[int]]
Tables = dict[tuple[str, str], dict[bytes, int]]

people = st.tuples(
    st.sampled_from(["p1", "p2"]), st.frozensets(st.sampled_from(ITEMS)), st.sampled_from("NB")
)


@st.composite
def histories(draw: st.DrawFn) -> tuple[int, list[Population]]:
    """k, and populations one after the other: most differ from the one before by one person."""
    k = draw(st.integers(2, 5))
    population: dict[int, Person] = {
        number: draw(people) for number in range(draw(st.integers(0, 6 * k)))
    }
    found: list[Population] = [dict(population)]
    number = len(population)
    for _ in range(draw(st.integers(1, 25))):
        many = draw(st.sampled_from([1, 1, 1, k - 1, k, 2 * k]))
        for _ in range(many):
            who = draw(st.integers(0, number))
            if who in population and draw(st.booleans()):
                del population[who]
            else:
                population[who] = draw(people)
                number = max(number, who + 1)
        found.append(dict(population))
    return k, found


def cells_of(population: Population) -> Cells:
    """Who is behind each cell."""
    behind: dict[tuple[str, str, str, bytes], set[int]] = {}
    for who, (persona, likes, country) in population.items():
        for scope in ("", persona):
            for cell in (
                ("size", "", b"users"),
                ("attribute", "country", country.encode()),
                *(("likers", "", item) for item in likes),
            ):
                behind.setdefault((scope, *cell), set()).add(who)
    return {cell: frozenset(whose) for cell, whose in behind.items()}


def counters_of(cells: Cells, scope: str) -> Tables:
    tables: Tables = {}
    for (where, series, part, name), behind in cells.items():
        if where == scope:
            tables.setdefault((series, part), {})[name] = len(behind)
    return tables


def told_of(
    k: int, populations: Sequence[Population]
) -> Iterable[tuple[Cells, dict[tuple[str, str, str, bytes], int]]]:
    """After each population: who is there, and every number that is told."""
    records: dict[str, ReleaseRecord] = dict.fromkeys(SCOPES, NOTHING_TOLD)
    told_in = {"size": "size", "likers": "positive", "attribute": "attribute"}
    for now_ms, population in enumerate(populations):
        cells = cells_of(population)
        told: dict[tuple[str, str, str, bytes], int] = {}
        for scope in SCOPES:
            records[scope], found = release(
                records[scope], counters_of(cells, scope), k=k, now_ms=now_ms
            )
            assert decode_record(encode_record(records[scope])) == records[scope]
            for series, placed in told_in.items():
                for (name, part), table in found.tables.items():
                    if name == placed:
                        told |= {(scope, series, part, one): n for one, n in table.items()}
        yield cells, told


@given(histories())
@settings(max_examples=80, deadline=None)
def test_two_different_numbers_of_a_cell_are_never_less_than_k_people_apart(
    history: tuple[int, list[Population]],
) -> None:
    k, populations = history
    # Who was behind a number when it came to be told; before the first, nobody.
    came: dict[object, list[tuple[int, frozenset[int]]]] = {}
    for cells, told in told_of(k, populations):
        for cell in cells.keys() | told.keys() | came.keys():
            releases = came.setdefault(cell, [(0, frozenset())])
            if told.get(cell, 0) != releases[-1][0]:  # type: ignore[call-overload]
                behind = cells.get(cell, frozenset())  # type: ignore[call-overload]
                releases.append((told.get(cell, 0), behind))  # type: ignore[call-overload]
    for releases in came.values():
        for (one, whose), (other, others) in combinations(releases, 2):
            assert one == other or len(whose ^ others) >= k


@given(histories())
@settings(max_examples=50, deadline=None)
def test_no_sum_or_difference_of_what_is_told_lies_between_one_and_k(
    history: tuple[int, list[Population]],
) -> None:
    k, populations = history
    every = [told for _, told in told_of(k, populations)]
    for told in every:
        for (_, series, part, name), number in told.items():
            others = [told.get((scope, series, part, name), 0) for scope in SCOPES]
            # Over routes: everybody, less either persona or both.
            for signs in product((-1, 0, 1), repeat=len(SCOPES)):
                derived = abs(sum(s * n for s, n in zip(signs, others, strict=True)))
                assert derived == 0 or derived >= k
            assert number >= k
    for one, other in combinations(every, 2):
        for cell in one.keys() | other.keys():
            apart = abs(one.get(cell, 0) - other.get(cell, 0))
            assert apart == 0 or apart >= k


@given(histories())
@settings(max_examples=30, deadline=None)
def test_nothing_is_told_of_fewer_than_k(history: tuple[int, list[Population]]) -> None:
    k, populations = history
    for cells, told in told_of(k, populations):
        for cell in told:
            assert len(cells[cell]) >= k


@given(histories())
@settings(max_examples=30, deadline=None)
def test_likes_are_told_with_the_times_at_which_they_were(
    history: tuple[int, list[Population]],
) -> None:
    k, populations = history
    record = NOTHING_TOLD
    for now_ms, population in enumerate(populations):
        counters = counters_of(cells_of(population), "")
        record, found = release(record, counters, k=k, now_ms=now_ms)
        numbers = found.tables.get(("positive", ""), {})
        assert {item: sum(n for _, n in steps) for item, steps in found.likes.items()} == numbers
        assert all(n % k == 0 and at <= now_ms for one in found.likes.values() for at, n in one)


@given(st.integers(1, 50), st.integers(0, 10**7))
def test_a_number_is_rounded_down_by_less_than_a_fourth_of_it_or_by_less_than_k(
    k: int, count: int
) -> None:
    number = rounded(count, k=k)
    assert number % k == 0
    assert 0 <= count - number < max(k, count / 4)


@given(st.lists(st.integers(0, 200), max_size=60), st.integers(2, 10))
def test_what_is_told_follows_what_is_there(counts: list[int], k: int) -> None:
    cell = UNTOLD
    for now_ms, count in enumerate(counts):
        cell = told_anew(cell, count, k=k, now_ms=now_ms)
    settled = told_anew(cell, 10**6, k=k, now_ms=len(counts))
    assert abs(settled.number - 10**6) <= 10**6 / 8
    assert told_anew(settled, 0, k=k, now_ms=len(counts)).number == 0


def test_one_tells_everything_as_it_is() -> None:
    cell = UNTOLD
    for count in (3, 1, 7, 7, 0, 2):
        cell = told_anew(cell, count, k=1, now_ms=0, amount=10 * count)
        assert (cell.number, cell.amount) == (count, 10 * count)


def test_an_amount_changes_with_the_number_of_people_and_never_otherwise() -> None:
    first = told_anew(UNTOLD, 20, k=5, now_ms=0, amount=103)
    assert (first.number, first.amount) == (20, 100)
    # One person did a thousand things more.
    assert told_anew(first, 20, k=5, now_ms=1, amount=1_103) == first
    more = told_anew(first, 25, k=5, now_ms=2, amount=1_200)
    assert (more.number, more.amount) == (25, 1_200)
    # Back to where it was before, what was said then is said again.
    again = told_anew(more, 20, k=5, now_ms=3, amount=1_150)
    assert (again.number, again.amount) == (20, 100)


def test_another_k_begins_anew() -> None:
    record, _ = release(NOTHING_TOLD, {("size", ""): {b"users": 40}}, k=5, now_ms=0)
    _, found = release(record, {("size", ""): {b"users": 40}}, k=30, now_ms=1)
    assert found.tables == {}


def test_no_text_is_kept_of_what_is_told() -> None:
    counters = {("attribute", "country"): {b'"Ruritania"': 40}}
    record, found = release(NOTHING_TOLD, counters, k=5, now_ms=0)
    assert found.tables == {("attribute", "country"): {b'"Ruritania"': 40}}
    assert b"Ruritania" not in encode_record(record)
    gone, found = release(record, {}, k=5, now_ms=1)
    assert found.tables == {}
    assert {cell.number for cell in gone.cells.values()} == {0}


def test_nothing_is_an_untold_cell() -> None:
    assert told_anew(UNTOLD, 0, k=5, now_ms=0) == Cell()
