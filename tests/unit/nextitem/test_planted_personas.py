"""The bookshop's planted personas, found in the item space by the same classes as in the stream."""

import json
from collections.abc import Mapping

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from bookshop.catalogue import item_events, load_books
from bookshop.simulator import Simulation, simulate
from evaluation.nextitem import StoredStates
from evaluation.texts import item_text
from profiles.catalogue import ItemCatalogue
from profiles.ids import item_key, user_key
from profiles.learning import KnownItem
from profiles.nextitem.learner import NextItemLearner
from profiles.nextitem.settings import Settings
from profiles.personas import discover
from profiles.policy import DEFAULT_POLICY
from profiles.projection import project
from schemas.decoded import Item
from schemas.fast import decode
from schemas.rejection import Rejection
from streams.embedding import HashingEmbedder

_LATER_MS = 1_900_000_000_000


def _found_personas(shop: Simulation) -> dict[str, int]:
    """Reader to discovered persona, over the projections that the stream would store."""
    states = StoredStates(DEFAULT_POLICY)
    items: list[Item] = []
    for raw in [*item_events(), *shop.events]:
        event = decode(json.dumps(raw).encode(), received_ms=_LATER_MS)
        if isinstance(event, Item):
            items.append(event)
        elif not isinstance(event, Rejection):
            states.add(event)  # type: ignore[arg-type]  # the shop retires nothing
    vectors = HashingEmbedder(128).embed([item_text(item) for item in items])
    learner = NextItemLearner(
        policy=DEFAULT_POLICY, settings=Settings(fitted_predictions=50), seed=0
    )
    for item, vector in zip(items, vectors, strict=True):
        named = item_key("default", item.item_id)
        learner.put_item(KnownItem(key=named, item_id=item.item_id, text=item.text, vector=vector))
    readers = {reader: user_key("default", reader) for reader in shop.persona_of}
    for key in readers.values():
        learner.fold(key, states.of(key))
    learner.refit()
    space = learner.model().space
    catalogue = ItemCatalogue(space.dimension)
    for item, vector in zip(items, vectors, strict=True):
        named = item_key("default", item.item_id)
        catalogue.put(named, space.place(named, vector))
    standing = {
        reader: project(states.of(key), catalogue, DEFAULT_POLICY).vector
        for reader, key in readers.items()
    }
    directed = [reader for reader, vector in standing.items() if vector.any()]
    rows = np.stack([standing[reader] for reader in directed])
    centroids = discover(rows, most=12, seed=0).centroids
    return dict(zip(directed, np.argmax(rows @ centroids.T, axis=1).tolist(), strict=True))


def _agreement(planted: Mapping[str, str], found: Mapping[str, int], readers: list[str]) -> float:
    return float(
        adjusted_rand_score([planted[one] for one in readers], [found[one] for one in readers])
    )


@pytest.mark.parametrize("seed", [7, 13])
def test_planted_personas_are_recovered_in_the_item_space(seed: int) -> None:
    shop = simulate(books=load_books(), seed=seed, start_ms=1_767_225_600_000)
    found = _found_personas(shop)
    readers = [one for one in found if one in shop.persona_of and one not in shop.cold]
    assert len(readers) > 500
    assert _agreement(shop.persona_of, found, readers) >= 0.9
    minority = [found[one] for one in sorted(shop.minority)]
    home = max(set(minority), key=minority.count)
    assert minority.count(home) >= 0.8 * len(minority)
    inside = [one for one in readers if found[one] == home]
    assert sum(one in shop.minority for one in inside) >= 0.8 * len(inside)
