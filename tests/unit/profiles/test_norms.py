from collections.abc import Mapping
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.governing import Governed, NormEffect, govern
from profiles.norms import NO_NORMS, ItemRule, Kind, Norm, Norms, load_norms
from profiles.rules import Condition, DeclarationError, Rule, Value

ADULT = '{ attribute = "rating", is = "adult" }'


def entry(**more: str) -> str:
    keys = {
        "id": '"n"',
        "kind": '"never"',
        "items": ADULT,
        "reason": '"Why."',
        "declared_by": '"Board"',
        "since": "2025-03-01",
    }
    return "[[norm]]\n" + "\n".join(f"{name} = {value}" for name, value in (keys | more).items())


def norm(
    ident: str,
    kind: Kind,
    *ids: str,
    rule: Rule | None = None,
    users: Rule | None = None,
    place: int = 1,
) -> Norm:
    return Norm(
        id=ident,
        kind=kind,
        users=users,
        unknown=kind is not Kind.ALWAYS,
        items=ItemRule(ids=ids, rule=rule),
        place=place,
        reason="Why.",
        declared_by="Board",
        since=date(2025, 3, 1),
    )


def governed(
    ranked: list[str], *norms: Norm, limit: int = 10, offered: Mapping[str, Mapping[str, Value]]
) -> Governed:
    return govern(ranked, Norms(norms), attributes_of=offered.get, limit=limit)


def plain(names: str) -> dict[str, Mapping[str, Value]]:
    return {name: {} for name in names}


def ids(found: Governed) -> str:
    return "".join(one.item_id for one in found.items)


ITEMS = "abcdefgh"
norms_strategy = st.lists(
    st.tuples(
        st.sampled_from(Kind),
        st.lists(st.sampled_from(ITEMS + "xyz"), min_size=1, max_size=4, unique=True),
        st.integers(1, 12),
    ),
    max_size=5,
).map(
    lambda rows: [
        norm(f"n{number}", kind, *names, place=place)
        for number, (kind, names, place) in enumerate(rows)
    ]
)


@given(
    st.permutations(ITEMS).flatmap(lambda order: st.integers(0, 8).map(lambda n: order[:n])),
    norms_strategy,
    st.sets(st.sampled_from(ITEMS + "xyz")),
    st.integers(0, 10),
)
def test_the_laws_of_a_governed_ranking(
    ranked: list[str], norms: list[Norm], not_offered: set[str], limit: int
) -> None:
    offered = plain("".join(sorted(set(ITEMS + "xyz") - not_offered)))
    found = governed(ranked, *norms, limit=limit, offered=offered)
    shown = [one.item_id for one in found.items]
    forbidden = {
        name
        for name in ITEMS + "xyz"
        for one in norms
        if (one.kind is Kind.NEVER and name in one.items.ids)
        or (one.kind is Kind.ONLY and name not in one.items.ids)
    }
    wanted = {name for one in norms if one.kind is Kind.ALWAYS for name in one.items.ids}
    due = (wanted & offered.keys()) - forbidden

    assert len(shown) <= limit
    assert len(set(shown)) == len(shown)
    assert not forbidden & set(shown)
    assert set(shown) <= offered.keys()
    if len(due) <= limit:
        assert due <= set(shown)
    else:
        assert set(shown) <= due
    others = [name for name in ranked if name in offered and name not in forbidden | due]
    assert [name for name in shown if name not in due] == others[: max(0, limit - len(due))]
    assert {one.item_id for one in found.items if one.norm is not None} == set(shown) & due


@given(st.lists(st.sampled_from(ITEMS), unique=True), norms_strategy, st.integers(0, 10))
def test_effects_say_what_was_done(ranked: list[str], norms: list[Norm], limit: int) -> None:
    found = governed(ranked, *norms, limit=limit, offered=plain(ITEMS + "xyz"))
    assert [effect.norm for effect in found.effects] == norms
    for effect in found.effects:
        placed = {one.item_id for one in found.items if one.norm is effect.norm}
        assert sorted(effect.added) == sorted(placed)
        assert all(effect.norm.forbids(name, {}) for name in effect.removed)
        assert len(set(effect.removed)) == len(effect.removed)


def test_without_norms_a_ranking_stays_as_it_is() -> None:
    found = govern("abc", NO_NORMS, attributes_of=plain("abc").get, limit=2)
    assert (ids(found), found.effects) == ("ab", ())


@pytest.mark.parametrize(("place", "shown"), [(1, "xab"), (2, "axb"), (3, "abx"), (9, "abx")])
def test_an_item_stands_at_its_place_or_last(place: int, shown: str) -> None:
    always = norm("n", Kind.ALWAYS, "x", place=place)
    assert ids(governed(list("ab"), always, offered=plain("abx"))) == shown


def test_items_of_one_norm_follow_each_other_and_the_first_norm_has_the_place() -> None:
    first = norm("first", Kind.ALWAYS, "x", "y", place=2)
    second = norm("second", Kind.ALWAYS, "z", "x", place=2)
    found = governed(list("abc"), first, second, offered=plain("abcxyz"))
    assert ids(found) == "axyzbc"
    assert [effect.added for effect in found.effects] == [["x", "y"], ["z"]]


def test_an_item_that_was_ranked_anyway_moves() -> None:
    found = governed(list("abx"), norm("n", Kind.ALWAYS, "x"), limit=2, offered=plain("abx"))
    assert ids(found) == "xa"


def test_never_wins_over_always_and_says_so() -> None:
    always, never = norm("always", Kind.ALWAYS, "x"), norm("never", Kind.NEVER, "x", "b")
    for order in ((always, never), (never, always)):
        found = governed(list("ab"), *order, offered=plain("abx"))
        assert ids(found) == "a"
        effects = {effect.norm.id: effect for effect in found.effects}
        assert effects["always"].added == []
        assert effects["never"].removed == ["x", "b"]


def test_what_lies_below_the_answer_is_not_called_removed() -> None:
    found = governed(list("abcd"), norm("n", Kind.NEVER, "a", "d"), limit=2, offered=plain("abcd"))
    assert (ids(found), found.effects) == (
        "bc",
        (NormEffect(norm("n", Kind.NEVER, "a", "d"), ["a"], []),),
    )


def test_only_leaves_nothing_else() -> None:
    children = Condition(attribute="for", among=("children",))
    only = norm("n", Kind.ONLY, rule=children)
    offered: dict[str, Mapping[str, Value]] = {
        "a": {"for": "children"},
        "b": {"for": "adults"},
        "c": {},
        "d": {"for": ("adults", "children")},
    }
    assert ids(governed(list("abcd"), only, offered=offered)) == "ad"


def test_unknown_ages_are_protected_unless_the_norm_says_otherwise() -> None:
    minors = 'users = { attribute = "age", below = 18 }\n'
    protected = load_norms(entry() + "\n" + minors)
    assert protected.for_user({}).norms
    assert protected.for_user({"age": "17"}).norms
    assert protected.for_user({"age": 17}).norms
    assert not protected.for_user({"age": 18}).norms
    lenient = load_norms(entry(unknown='"does not apply"') + "\n" + minors)
    assert not lenient.for_user({}).norms
    assert lenient.for_user({"age": 17}).norms


@pytest.mark.parametrize(("kind", "applies"), [("never", True), ("only", True), ("always", False)])
def test_what_restricts_applies_to_the_unknown_by_default(kind: str, *, applies: bool) -> None:
    norms = load_norms(
        entry(
            kind=f'"{kind}"',
            items='{ ids = ["x"] }',
            users='{ attribute = "age", below = 18 }',
        )
    )
    assert bool(norms.for_user({}).norms) is applies


def test_items_of_unknown_rating_are_shown_unless_the_norm_says_otherwise() -> None:
    (lenient,) = load_norms(entry()).norms
    (strict,) = load_norms(entry(unknown_items='"applies"')).norms
    assert (lenient.forbids("i", {}), strict.forbids("i", {})) == (False, True)
    assert lenient.forbids("i", {"rating": "adult"})
    assert not strict.forbids("i", {"rating": "all"})


def test_a_norm_keeps_where_it_comes_from() -> None:
    (found,) = load_norms(entry(users='{ attribute = "age", below = 18 }')).norms
    assert (found.id, found.kind, found.reason) == ("n", Kind.NEVER, "Why.")
    assert (found.declared_by, found.since) == ("Board", date(2025, 3, 1))


def test_the_attributes_that_norms_look_at_are_known() -> None:
    text = entry() + "\n" + entry(id='"m"', items='{ ids = ["x"] }')
    assert load_norms(text).item_attributes == {"rating"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": '"sometimes"'}, "kind 'sometimes' is none of never, only, always"),
        ({"kind": "1"}, "kind must be a text"),
        ({"colour": "1"}, "there is no 'colour'"),
        ({"place": "1"}, "there is no 'place'"),
        ({"kind": '"always"'}, "an 'always' norm names its items"),
        ({"items": "{ ids = [] }"}, "items.ids: 0 ids"),
        ({"items": "{ ids = [1] }"}, "items.ids: not a list of item ids"),
        ({"items": '{ ids = ["x", "x"] }'}, "an id stands there twice"),
        ({"items": '{ ids = ["x"], attribute = "a" }'}, "'ids' stands alone"),
        ({"items": "{}"}, "items: empty"),
        ({"items": '{ attribute = "a", is = 1, was = 2 }'}, "there is no 'was'"),
        ({"items": '{ attribute = "a", above = 2, below = 1 }'}, "no value of 'a' can pass"),
        ({"items": '{ ids = ["x"] }', "unknown_items": '"applies"'}, "nothing is unknown"),
        ({"users": '{ attribute = "a", above = 2, below = 1 }'}, "users: contradicts itself"),
        ({"unknown": '"maybe"'}, 'unknown must be "applies" or "does not apply"'),
        ({"unknown": "true"}, 'unknown must be "applies" or "does not apply"'),
        ({"since": '"2025-03-01"'}, "since must be a date"),
        ({"since": "2025-03-01T00:00:00"}, "since must be a date"),
        ({"reason": '""'}, "reason must be a text"),
        ({"declared_by": "1"}, "declared_by must be a text"),
        ({"kind": '"always"', "items": '{ ids = ["x"] }', "place": "0"}, "place must be a whole"),
        ({"kind": '"always"', "items": '{ ids = ["x"] }', "place": "true"}, "place must be"),
    ],
)
def test_a_norm_that_cannot_be_used_is_named(change: dict[str, str], message: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        load_norms(entry(**change))
    assert str(caught.value).startswith('norms: "n": ')
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("missing", ["id", "kind", "items", "reason", "declared_by", "since"])
def test_nothing_of_a_norm_may_be_missing(missing: str) -> None:
    text = "\n".join(line for line in entry().splitlines() if not line.startswith(missing))
    with pytest.raises(DeclarationError, match=f"{missing} (is missing|must be a date)"):
        load_norms(text)


def test_genres_of_an_item_do_not_contradict_each_other() -> None:
    both = '{ all = [{ attribute = "genre", is = "a" }, { attribute = "genre", is = "b" }] }'
    (found,) = load_norms(entry(items=both)).norms
    assert found.forbids("i", {"genre": ("a", "b")})
    assert not found.forbids("i", {"genre": "a"})
