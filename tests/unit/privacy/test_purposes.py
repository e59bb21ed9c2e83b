"""What is read serves the purposes that the data policy names, and no other."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import pytest
from documents_world import document, documents_over, passages_of
from hypothesis import given, settings
from hypothesis import strategies as st
from lookup_world import LIBRARY, NOON_MS, World, like

from lookup.preferences import PairsWanted, PreferencePairs
from lookup.routes_documents import Documents
from profiles.declared import load_personas
from profiles.effects import UserEvent, kind_of
from profiles.norms import load_norms
from profiles.personas import Label, Persona
from profiles.privacy.data_policy import DataPolicy, DataRule, Purpose, load_data_policy
from profiles.state import CONSENTED, DataType
from schemas.decoded import Attributes, Choice, Document, Preference
from stores.memory import MemoryPoints
from stores.passages import PointPassageStore, passage_collection

ITEMS: Final = sorted(LIBRARY)
DECLARED = load_personas(
    '[[persona]]\nid = "young"\ntitle = "Young"\ndescription = "D"\n'
    'rule = { attribute = "age", below = 30 }\n'
)
NORMS = load_norms(
    '[[norm]]\nid = "n"\nkind = "never"\nusers = { attribute = "age", below = 30 }\n'
    'items = { ids = ["moby"] }\nunknown = "does not apply"\nreason = "R"\n'
    'declared_by = "B"\nsince = 2025-01-01\n'
)

KINDS: Final = tuple(sorted(CONSENTED))
policies = st.builds(
    DataPolicy,
    st.dictionaries(
        st.sampled_from(KINDS),
        st.builds(DataRule, purposes=st.frozensets(st.sampled_from(Purpose))),
    ),
)


def happened(number: int, kind: DataType, choice: int) -> UserEvent:
    at_ms = NOON_MS - 1_000 * number
    one, other = ITEMS[choice % len(ITEMS)], ITEMS[(choice + 1) % len(ITEMS)]
    match kind:
        case DataType.INTERACTIONS:
            return like("ann", one, at_ms=at_ms)
        case DataType.PREFERENCES:
            sides = Choice(one, None), Choice(other, None)
            return Preference("default", f"p{number}", at_ms, "ann", *sides, None, None)
        case DataType.ATTRIBUTES:
            return Attributes("default", f"a{number}", at_ms, "ann", {"age": 20 + choice})
        case _:
            text = f"the whale said {one} and {other}"
            return document("ann", f"d{number}", text, tenant="default", at_ms=at_ms)


lives = st.lists(
    st.builds(happened, st.integers(0, 40), st.sampled_from(KINDS), st.integers(0, 20)),
    max_size=8,
    unique_by=lambda event: event.event_id,
)


async def a_world(events: Sequence[UserEvent], data: DataPolicy) -> tuple[World, Documents]:
    """One user who lived so, among fixed statistics."""
    world = World()
    for item_id, vector in LIBRARY.items():
        await world.add_item(item_id, vector)
    await world.publish_personas(Persona("p1", 40, (Label("sea", 3.0, 20),)))
    declaration = DECLARED.under(data.version).version
    await world.publish_statistics({"lupin": 9.0, "moby": 7.0}, declaration=declaration)
    for scope in ("p1", "young"):
        await world.publish_statistics({"omoo": 6.0}, scope=scope, declaration=declaration)
    await world.add_user("bob", [like("bob", "typee")])
    # A persona is found by where a user stands, and so by what that is made of.
    placing = data.placed & {DataType.INTERACTIONS, DataType.PREFERENCES}
    stands = any(kind_of(event) in placing for event in events)
    if events:
        persona = "p1" if stands else None
        await world.add_user("ann", events, persona=persona, data_policy=data)
    passages = PointPassageStore(MemoryPoints(passage_collection(4)))
    written = [passages_of(event) for event in events if isinstance(event, Document)]
    if written:
        await passages.replace(written)
    lookup = world.lookup(declared=DECLARED, norms=NORMS, data_policy=data)
    documents = documents_over(
        lookup,
        users=world.users,
        items=world.items,
        passages=passages,
        norms=NORMS,
        data_policy=data,
    )
    return world, documents


class Log:
    """Preferences as they were published."""

    def __init__(self, events: Sequence[UserEvent]) -> None:
        self._events = [event for event in events if isinstance(event, Preference)]

    async def read(self) -> AsyncIterator[Sequence[Preference]]:
        yield self._events


async def answers(events: Sequence[UserEvent], data: DataPolicy, purpose: Purpose) -> list[Any]:
    """Everything that serves the purpose."""
    world, documents = await a_world(events, data)
    lookup = world.lookup(declared=DECLARED, norms=NORMS, data_policy=data)
    asked = ("default", "ann")
    match purpose:
        case Purpose.RANKING:
            cached = (
                await lookup.profile(*asked),
                await lookup.rank(*asked),
                await lookup.explanation(*asked),
                await lookup.similar_users(*asked),
                await lookup.score(*asked, items=["moby"]),
            )
            world.cache.down = True
            return [*cached, await lookup.profile(*asked), await lookup.rank(*asked)]
        case Purpose.PROMPTING:
            return [
                await documents.contexts.context(*asked, token_budget=4_000, query="whale"),
                await documents.retrieval.retrieve(*asked, "whale said moby"),
                await documents.retrieval.text_profile(*asked),
            ]
        case Purpose.TRAINING:
            left_out: Counter[str] = Counter()
            pairs = PreferencePairs(
                log=Log(events), users=world.users, items=world.items, data_policy=data
            )
            wanted = PairsWanted(tenant="default")
            return [pair async for pair in pairs.find(wanted, left_out)]
        case Purpose.AGGREGATES:
            raise ValueError("what is counted is the write side's")


@pytest.mark.parametrize("purpose", [Purpose.RANKING, Purpose.PROMPTING, Purpose.TRAINING])
@settings(max_examples=25, deadline=None)
@given(events=lives, other=lives, data=policies)
def test_what_is_barred_from_a_purpose_changes_no_answer_that_serves_it(
    purpose: Purpose, events: list[UserEvent], other: list[UserEvent], data: DataPolicy
) -> None:
    barred = data.barred(purpose)
    stays = [event for event in events if kind_of(event) not in barred]
    names = {event.event_id for event in stays}
    others = [event for event in other if kind_of(event) in barred and event.event_id not in names]
    # That there is such a user is no secret.
    always = Attributes("default", "always", NOON_MS - 99_000, "ann", {})

    async def both() -> tuple[list[Any], list[Any]]:
        return (
            await answers([always, *events], data, purpose),
            await answers([always, *stays, *others], data, purpose),
        )

    one, two = asyncio.run(both())
    assert one == two


EVERYTHING: Final = [happened(number, kind, number) for number, kind in enumerate(KINDS * 2)]


def test_without_a_policy_every_kind_is_in_the_answers() -> None:
    """So that what is equal above is not equal because there is nothing in it."""

    async def look() -> None:
        free = DataPolicy()
        context, retrieved, writing = await answers(EVERYTHING, free, Purpose.PROMPTING)
        sections = {line.section for line in context.lines}
        assert {"stated", "inferred", "persona", "interests", "passages"} <= sections
        assert retrieved.passages
        assert writing is not None
        assert context.withheld == retrieved.withheld == ()
        profile, ranking, *_ = await answers(EVERYTHING, free, Purpose.RANKING)
        assert profile.attributes
        assert profile.interests
        assert ranking.persona is not None

    asyncio.run(look())


def test_answers_say_what_was_withheld_from_them() -> None:
    async def look() -> None:
        data = load_data_policy(
            '[documents]\npurposes = ["ranking"]\n[interactions]\npurposes = ["ranking"]\n'
            '[attributes]\npurposes = ["prompting"]\n'
        )
        context, retrieved, writing = await answers(EVERYTHING, data, Purpose.PROMPTING)
        assert context.withheld == retrieved.withheld == ("documents", "interactions")
        assert {line.section for line in context.lines} == {
            "stated",
            "norms",
            "interests",
            "persona",
        }
        assert {line.source for line in context.lines} == {
            "stated attribute",
            "declared by",
            "inferred from preferences",
            "declared persona",
            "inferred persona",
        }
        assert retrieved.absent.code == "not-permitted"
        assert retrieved.passages == ()
        assert writing is None
        profile, ranking, explanation, *_ = await answers(EVERYTHING, data, Purpose.RANKING)
        assert ranking.withheld == profile.withheld == explanation.withheld == ("attributes",)
        assert profile.attributes == {}
        world, _ = await a_world(EVERYTHING, data)
        lookup = world.lookup(data_policy=data)
        told = await lookup.profile_for(Purpose.PROMPTING, "default", "ann")
        assert told.withheld == ("documents", "interactions")

    asyncio.run(look())


def test_a_persona_is_not_told_where_it_was_found_by_what_may_not_be_told() -> None:
    async def look() -> None:
        data = load_data_policy('[interactions]\npurposes = ["ranking", "aggregates"]')
        context, *_ = await answers(EVERYTHING, data, Purpose.PROMPTING)
        assert "inferred persona" not in {line.source for line in context.lines}
        _, ranking, *_ = await answers(EVERYTHING, data, Purpose.RANKING)
        assert ranking.persona is not None

    asyncio.run(look())
