"""What every passage store keeps, finds and forgets."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from documents_world import NOON_MS, document, passages_of, unit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_records import AWKWARD_IDS

from profiles.documents.chunking import Cut
from profiles.documents.passages import PassageFilter, ScoredPassage
from profiles.documents.words import (
    SparseVector,
    inverse_document_frequency,
    passage_words,
    query_words,
)
from profiles.ids import user_key
from schemas.decoded import Document
from stores.connect import ProfileStores
from stores.passages import PointPassageStore
from stores.points import Point, Where

pytestmark = pytest.mark.anyio

SMALL = Cut(least_tokens=4, most_tokens=8)
EAST, NORTH = unit(1, 0, 0, 0), unit(0, 1, 0, 0)
ANN = user_key("t", "ann")
BOB = user_key("t", "bob")


async def texts(
    stores: ProfileStores, query: str, user: bytes = ANN, *, tenant: str = "t"
) -> list[str]:
    found = await stores.passages.search(
        tenant, user, vector=None, words=query_words(query), limit=20
    )
    return [hit.passage.text for hit in found.words]


async def test_what_was_stored_comes_back_whole(stores: ProfileStores) -> None:
    event = document(
        "ann", "d", "Stout is dark.", title="On beer", kind="answer", about=("p1", "p2")
    )
    stored = passages_of(event, [EAST])
    assert await stores.passages.replace([stored]) == 1
    found = await stores.passages.search("t", ANN, vector=EAST, words=query_words("stout"), limit=5)
    for hit in (found.dense[0], found.words[0]):
        assert hit.passage == stored.head
        assert np.array_equal(hit.vector, EAST)
    assert found.dense[0].score == pytest.approx(1.0)


async def test_words_are_weighed_over_the_users_own_passages(stores: ProfileStores) -> None:
    first = passages_of(document("ann", "1", "hops and malt"))
    second = passages_of(document("ann", "2", "hops"))
    others = [passages_of(document("bob", str(n), "malt malt")) for n in range(7)]
    foreign = passages_of(document("ann", "1", "malt", tenant="other"))
    await stores.passages.replace([first, second, *others, foreign])
    found = await stores.passages.search(
        "t", ANN, vector=None, words=query_words("malt hops"), limit=5
    )

    def weight(text: str, word: str) -> float:
        (index,) = query_words(word).indices
        words = passage_words(text)
        return words.values[words.indices.index(index)]

    hops, malt = inverse_document_frequency(2, 2), inverse_document_frequency(2, 1)
    expected = {
        "hops and malt": hops * weight("hops and malt", "hops")
        + malt * weight("hops and malt", "malt"),
        "hops": hops * weight("hops", "hops"),
    }
    assert {hit.passage.text: hit.score for hit in found.words} == pytest.approx(expected, rel=1e-5)


async def test_what_was_deleted_no_longer_counts_in_the_weights(stores: ProfileStores) -> None:
    await stores.passages.replace(
        [
            passages_of(document("ann", "1", "malt")),
            passages_of(document("ann", "2", "malt", at_ms=NOON_MS - 1)),
        ]
    )
    await stores.passages.forget("t", ANN, through_ms=NOON_MS - 1)
    found = await stores.passages.search("t", ANN, vector=None, words=query_words("malt"), limit=5)
    (hit,) = found.words
    assert hit.score == pytest.approx(
        inverse_document_frequency(1, 1) * passage_words("malt").values[0], rel=1e-5
    )


async def test_passages_without_a_common_word_are_not_found_by_words(
    stores: ProfileStores,
) -> None:
    await stores.passages.replace([passages_of(document("ann", "1", "malt"))])
    assert await texts(stores, "wine") == []
    assert await texts(stores, "") == []


async def test_a_changed_document_replaces_its_passages(stores: ProfileStores) -> None:
    long = document("ann", "d", "One hop here. Two hops there. Three hops everywhere.")
    assert len(passages_of(long, cut=SMALL).passages) == 3
    await stores.passages.replace([passages_of(long, cut=SMALL)])
    short = document("ann", "d", "No more hops.", at_ms=NOON_MS + 1)
    assert await stores.passages.replace([passages_of(short, cut=SMALL)]) == 1
    assert await texts(stores, "hops") == ["No more hops."]
    assert await stores.passages.count() == 1


async def test_a_late_older_version_changes_nothing(stores: ProfileStores) -> None:
    new = passages_of(document("ann", "d", "New hops.", at_ms=NOON_MS))
    old = passages_of(
        document("ann", "d", "Old hops. More old hops. And more hops.", at_ms=NOON_MS - 1),
        cut=SMALL,
    )
    await stores.passages.replace([new])
    assert await stores.passages.replace([old]) == 0
    assert await texts(stores, "hops") == ["New hops."]
    assert await stores.passages.count() == 1


async def test_of_two_versions_of_one_moment_the_larger_hash_wins_in_either_order(
    stores: ProfileStores,
) -> None:
    versions = [
        passages_of(document("ann", "d", f"hops {name}", event_id=name)) for name in ("x", "y")
    ]
    winner = max(versions, key=lambda one: one.head.version)
    for first, second in (versions, versions[::-1]):
        await stores.passages.forget("t", ANN, through_ms=NOON_MS)
        await stores.passages.replace([first])
        await stores.passages.replace([second])
        assert await texts(stores, "hops") == [winner.head.text]


async def test_a_repeated_version_changes_nothing(stores: ProfileStores) -> None:
    once = passages_of(document("ann", "d", "One hop. Two hops. Many hops."), cut=SMALL)
    await stores.passages.replace([once])
    before = await stores.passages.latest("t", ANN, limit=10)
    assert await stores.passages.replace([once]) == 0
    assert await stores.passages.latest("t", ANN, limit=10) == before


async def test_another_model_writes_the_same_version_again(stores: ProfileStores) -> None:
    event = document("ann", "d", "One hop. Two hops. Many hops.")
    await stores.passages.replace([passages_of(event, cut=SMALL, model="one")])
    whole = passages_of(event, [NORTH], model="two")
    assert await stores.passages.replace([whole]) == 1
    found = await stores.passages.search("t", ANN, vector=NORTH, words=SparseVector(), limit=9)
    (hit,) = found.dense
    assert hit.passage.text == event.text
    assert hit.score == pytest.approx(1.0)
    assert await stores.passages.count() == 1


async def test_an_emptied_document_is_found_no_more_and_stays_empty(
    stores: ProfileStores,
) -> None:
    await stores.passages.replace([passages_of(document("ann", "d", "hops"))])
    empty = passages_of(document("ann", "d", " \n", at_ms=NOON_MS + 2))
    await stores.passages.replace([empty])
    late = passages_of(document("ann", "d", "hops again", at_ms=NOON_MS + 1))
    assert await stores.passages.replace([late]) == 0
    assert await texts(stores, "hops again") == []
    assert await stores.passages.latest("t", ANN, limit=9) == []
    found = await stores.passages.search("t", ANN, vector=EAST, words=SparseVector(), limit=9)
    assert found.dense == []


async def test_a_crash_before_the_head_shows_no_mixture_and_is_made_up_for(
    stores: ProfileStores,
) -> None:
    old = passages_of(document("ann", "d", "Old hop. Older hops. Oldest hops."), cut=SMALL)
    new = passages_of(
        document("ann", "d", "New hop. Newer hops. Newest hops.", at_ms=NOON_MS + 1), cut=SMALL
    )
    await stores.passages.replace([old])
    # Without its head a version is not whole: as after a crash in the middle of `replace`.
    assert isinstance(stores.passages, PointPassageStore)
    points = stores.passages._points
    with pytest.MonkeyPatch.context() as patched:
        calls = 0
        put = points.update_if

        async def update_if(batch: Sequence[Point], condition: Where) -> None:
            nonlocal calls
            calls += 1
            if calls > 2:
                raise KeyboardInterrupt
            await put(batch, condition)

        patched.setattr(points, "update_if", update_if)
        with pytest.raises(KeyboardInterrupt):
            await stores.passages.replace([new])
    assert set(await texts(stores, "hop hops")) <= {one.text for one in old.passages}
    await stores.passages.replace([new])
    assert sorted(await texts(stores, "hop hops")) == sorted(one.text for one in new.passages)


async def test_forgetting_takes_what_is_as_old_and_nobody_elses(stores: ProfileStores) -> None:
    await stores.passages.replace(
        [
            passages_of(document("ann", "old", "old hops", at_ms=NOON_MS)),
            passages_of(document("ann", "new", "new hops", at_ms=NOON_MS + 1)),
            passages_of(document("bob", "old", "bob's hops", at_ms=NOON_MS)),
            passages_of(document("ann", "old", "foreign hops", tenant="other", at_ms=NOON_MS)),
        ]
    )
    await stores.passages.forget("t", ANN, through_ms=NOON_MS)
    assert await texts(stores, "hops") == ["new hops"]
    assert await texts(stores, "hops", BOB) == ["bob's hops"]
    assert await texts(stores, "hops", user_key("other", "ann"), tenant="other") == ["foreign hops"]


async def test_what_is_forgotten_is_not_found_even_while_it_is_there(
    stores: ProfileStores,
) -> None:
    await stores.passages.replace(
        [
            passages_of(document("ann", "old", "hops", at_ms=NOON_MS)),
            passages_of(document("ann", "new", "hops anew", at_ms=NOON_MS + 1)),
        ]
    )
    found = await stores.passages.search(
        "t", ANN, vector=EAST, words=query_words("hops"), after_ms=NOON_MS, limit=9
    )
    assert {hit.passage.text for hit in (*found.dense, *found.words)} == {"hops anew"}
    latest = await stores.passages.latest("t", ANN, after_ms=NOON_MS, limit=9)
    assert [one.text for one in latest] == ["hops anew"]


async def test_the_latest_come_newest_first_and_in_reading_order(stores: ProfileStores) -> None:
    await stores.passages.replace(
        [
            passages_of(document("ann", "old", "Old hop. First. Older hops. Second."), cut=SMALL),
            passages_of(document("ann", "new", "New hop.", at_ms=NOON_MS + 1)),
        ]
    )
    latest = await stores.passages.latest("t", ANN, limit=9)
    assert [one.text for one in latest] == ["New hop.", "Old hop. First.", "Older hops. Second."]
    assert len(await stores.passages.latest("t", ANN, limit=1)) == 1


@pytest.mark.parametrize("bad", [math.nan, math.inf])
async def test_a_vector_that_is_not_finite_is_refused(stores: ProfileStores, bad: float) -> None:
    good = passages_of(document("ann", "d", "hops"))
    vector = np.array([[bad, 0, 0, 0]], np.float32)
    with pytest.raises(ValueError, match="not finite"):
        await stores.passages.replace([replace(good, vectors=vector)])
    with pytest.raises(ValueError, match="not finite"):
        await stores.passages.search("t", ANN, vector=vector[0], words=SparseVector(), limit=1)
    assert await stores.passages.count() == 0


async def test_ids_may_contain_anything(stores: ProfileStores) -> None:
    await stores.passages.replace(
        [passages_of(document(odd, odd, "hops", tenant=odd)) for odd in AWKWARD_IDS]
    )
    for odd in AWKWARD_IDS:
        found = await stores.passages.search(
            odd,
            user_key(odd, odd),
            vector=None,
            words=query_words("hops"),
            chosen=PassageFilter(document_id=odd),
            limit=9,
        )
        assert [hit.passage.document_id for hit in found.words] == [odd]


_NAMES = ("ann", "bob", "a", "nn")
_TENANTS = ("t", "other")
_KINDS = (None, "answer", "question")
_ITEMS = ("p1", "p2")

_written = st.builds(
    document,
    st.sampled_from(_NAMES),
    st.sampled_from(("d1", "d2", "d3")),
    st.lists(st.sampled_from(("hops", "malt", "wine")), min_size=1, max_size=4).map(" ".join),
    tenant=st.sampled_from(_TENANTS),
    at_ms=st.integers(NOON_MS, NOON_MS + 5),
    kind=st.sampled_from(_KINDS),
    about=st.lists(st.sampled_from(_ITEMS), unique=True, max_size=2).map(tuple),
)
_chosen = st.builds(
    PassageFilter,
    kind=st.sampled_from(_KINDS),
    document_id=st.sampled_from((None, "d1", "d2")),
    about=st.sampled_from((None, *_ITEMS)),
    since_ms=st.none() | st.integers(NOON_MS, NOON_MS + 5),
    until_ms=st.none() | st.integers(NOON_MS, NOON_MS + 5),
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    written=st.lists(_written, max_size=12),
    chosen=_chosen,
    name=st.sampled_from(_NAMES),
    tenant=st.sampled_from(_TENANTS),
    after_ms=st.none() | st.integers(NOON_MS, NOON_MS + 5),
)
async def test_no_filter_returns_anothers_passage_and_each_returns_all_of_ones_own(
    stores: ProfileStores,
    *,
    written: list[Document],
    chosen: PassageFilter,
    name: str,
    tenant: str,
    after_ms: int | None,
) -> None:
    for one_tenant in _TENANTS:
        for one in _NAMES:
            await stores.passages.forget(
                one_tenant, user_key(one_tenant, one), through_ms=NOON_MS + 9
            )
    latest: dict[tuple[str, str, str], Document] = {}
    for event in written:
        latest[event.tenant, event.user_id, event.document_id] = max(
            latest.get((event.tenant, event.user_id, event.document_id), event),
            event,
            key=lambda one: passages_of(one).head.version,
        )
        await stores.passages.replace([passages_of(event)])
    found = await stores.passages.search(
        tenant,
        user_key(tenant, name),
        vector=EAST,
        words=query_words("hops malt wine"),
        chosen=chosen,
        after_ms=after_ms,
        limit=50,
    )
    expected = {
        event.document_id
        for (of_tenant, user_id, _), event in latest.items()
        if (of_tenant, user_id) == (tenant, name) and _matches(event, chosen, after_ms)
    }
    for ranking in (found.dense, found.words):
        assert all(_is_of(hit, tenant, name) for hit in ranking)
        assert {hit.passage.document_id for hit in ranking} == expected


def _is_of(hit: ScoredPassage, tenant: str, name: str) -> bool:
    return (hit.passage.tenant, hit.passage.user) == (tenant, user_key(tenant, name))


def _matches(event: Document, chosen: PassageFilter, after_ms: int | None) -> bool:
    at_ms = event.occurred_at_ms
    return (
        chosen.kind in (None, event.kind)
        and chosen.document_id in (None, event.document_id)
        and (chosen.about is None or chosen.about in event.about)
        and (chosen.since_ms is None or at_ms >= chosen.since_ms)
        and (chosen.until_ms is None or at_ms <= chosen.until_ms)
        and (after_ms is None or at_ms > after_ms)
    )
