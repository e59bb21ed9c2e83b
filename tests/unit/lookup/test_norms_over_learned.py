"""Norms win over a learned model, too."""

from typing import Final

import numpy as np
import pytest
from lookup_world import DIMENSION, TOKEN, World
from nextitem_world import learner, rated

from lookup.options import LookupOptions
from lookup.queries import Lookup
from profiles.norms import NO_NORMS, Norms, load_norms
from profiles.personas import PersonaSet, encode_personas
from profiles.ports import PersonaDocument
from schemas.snapshots import ModelPointer
from stores.blobs import put_blob
from stores.personas import PointPersonaStore

pytestmark = pytest.mark.anyio

TERMS: Final = """
reason = "Why."
declared_by = "Board"
since = 2025-03-01
"""
NEVER: Final = load_norms(
    f'[[norm]]\nid = "n"\nkind = "never"\nitems = {{ attribute = "number", below = 3 }}{TERMS}'
)
ALWAYS: Final = load_norms(
    f'[[norm]]\nid = "n"\nkind = "always"\nplace = 2\nitems = {{ ids = ["i19"] }}{TERMS}'
)
ONLY: Final = load_norms(
    f'[[norm]]\nid = "n"\nkind = "only"\nitems = {{ ids = ["i18", "i19"] }}{TERMS}'
)


@pytest.fixture
async def learned() -> World:
    """Twenty items of two tastes, a model of them, and "ann", who likes the low ones."""
    world = World()
    for number in range(20):
        direction = (1.0, 0.0, 0.0, 0.0) if number < 10 else (0.0, 1.0, 0.0, 0.0)
        await world.add_item(f"i{number}", direction, attributes={"number": number})
    await world.add_user("ann", [rated("ann", number, 9_000 + number) for number in (3, 4, 5)])
    await world.publish_statistics({"i0": 1.0})
    blob = await put_blob(world.aggregates, "default", learner().model().to_bytes())
    pointer = ModelPointer(version=1, space=1, item_space=blob, next_item=blob)
    personas = PersonaSet("default", 1, 9, (), 0.0, 14, model=pointer)
    await PointPersonaStore(world.persona_points).publish(
        PersonaDocument(
            "default", 1, TOKEN, encode_personas(personas), {"p1": np.ones(DIMENSION, np.float32)}
        )
    )
    return world


async def ids_of(world: World, norms: Norms, *, limit: int = 5, spare: int = 200) -> list[str]:
    options = LookupOptions(candidates_per_layer=spare)
    lookup: Lookup = world.lookup(options, norms=norms)
    try:
        view = await lookup.rank("default", "ann", limit=limit)
    finally:
        await lookup.close()
    assert view.learned is not None
    return [item.item_id for item in view.items]


async def test_what_is_forbidden_leaves_and_the_others_move_up(learned: World) -> None:
    free = await ids_of(learned, NO_NORMS, limit=20)
    low = {"i0", "i1", "i2"}
    assert low & set(free[:5])
    assert await ids_of(learned, NEVER) == [one for one in free if one not in low][:5]


async def test_what_is_always_shown_stands_at_its_place(learned: World) -> None:
    free = await ids_of(learned, NO_NORMS, limit=20)
    others = [one for one in free if one != "i19"]
    assert free.index("i19") > 5
    assert await ids_of(learned, ALWAYS) == [others[0], "i19", *others[1:4]]


async def test_what_only_is_shown_is_found_however_low_it_stands(learned: World) -> None:
    free = await ids_of(learned, NO_NORMS, limit=20)
    lowest = [one for one in free if one in {"i18", "i19"}]
    assert free.index(lowest[0]) > 5
    assert await ids_of(learned, ONLY, limit=2, spare=1) == lowest
