"""Pairs for training: as TRL reads them, and of nobody who took them back."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from fastapi import FastAPI
from lookup_world import DIMENSION, World
from msgspec.structs import replace
from served import served

from cli.main import run
from lookup.errors import EventsNotRead
from lookup.preferences import Pair, PairsWanted, PreferencePairs
from lookup.service import create_app
from profiles.declared import DeclaredPersonas, load_personas
from profiles.effects import UserEvent
from profiles.ids import exported_text, item_key
from profiles.ports import ItemRecord
from schemas.decoded import Attributes, Choice, Consent, Erasure, Preference

AT_MS = 1_700_000_000_000

DUTCH = """
[[persona]]
id = "dutch"
title = "From the Netherlands"
description = "Who says so."
rule = { attribute = "country", is = "NL" }
"""


def chose(
    user: str, chosen: Choice, rejected: Choice, *, prompt: str | None = None, at_ms: int = AT_MS
) -> Preference:
    name = f"{user}-{chosen.text or chosen.item_id}-{at_ms}"
    return Preference("default", name, at_ms, user, chosen, rejected, prompt)


def text(said: str) -> Choice:
    return Choice(text=said)


def item(name: str) -> Choice:
    return Choice(item_id=name)


class Log:
    """Gives its events in pieces of two; fails after them if told so."""

    def __init__(self, events: Sequence[Preference], *, fails: bool = False) -> None:
        self._events = events
        self._fails = fails

    async def read(self) -> AsyncIterator[Sequence[Preference]]:
        for start in range(0, len(self._events), 2):
            yield self._events[start : start + 2]
        if self._fails:
            raise EventsNotRead("gone")


async def described(world: World, name: str, said: str, title: str = "") -> None:
    await world.items.put(
        [
            ItemRecord(
                key=item_key("default", name),
                tenant="default",
                item_id=name,
                title=title,
                text=said,
                attributes=b"{}",
                described_ms=0,
                event_hash=0,
                content_hash=b"",
                revision=1,
                retired=False,
                vector=np.zeros(DIMENSION, np.float32),
            )
        ]
    )


def found(
    world: World,
    log: Sequence[Preference],
    wanted: PairsWanted | None = None,
    declared: DeclaredPersonas | None = None,
) -> tuple[list[Pair], Counter[str]]:
    pairs = PreferencePairs(log=Log(log), users=world.users, items=world.items)
    if declared is not None:
        pairs = PreferencePairs(
            log=Log(log), users=world.users, items=world.items, declared=declared
        )
    left_out: Counter[str] = Counter()

    async def all_of_them() -> list[Pair]:
        asked = wanted or PairsWanted(tenant="default")
        return [pair async for pair in pairs.find(asked, left_out)]

    return asyncio.run(all_of_them()), left_out


def a_world(*people: tuple[str, Sequence[UserEvent], str | None]) -> World:
    world = World()

    async def fill() -> None:
        for user, events, persona in people:
            await world.add_user(user, events, persona=persona)
        await described(world, "short", "Yes.")
        await described(world, "long", "Yes, because it is.")
        await described(world, "question", "Is it so?", title="A question")

    asyncio.run(fill())
    return world


ANN = chose("ann", text("Yes, and why."), text("No"), prompt="Is it?")
BEN = chose("ben", item("long"), item("short"), prompt="question")


def test_texts_and_items_are_given_back_as_texts() -> None:
    world = a_world(("ann", [ANN], None), ("ben", [BEN], None))
    pairs, left_out = found(world, [ANN, BEN])
    assert pairs == [
        Pair("Is it?", "Yes, and why.", "No"),
        Pair("A question\n\nIs it so?", "Yes, because it is.", "Yes."),
    ]
    assert not left_out


def test_a_tie_is_no_pair_and_is_counted() -> None:
    tied = replace(ANN, strength=0.0)
    pairs, left_out = found(a_world(("ann", [tied], None)), [tied])
    assert (pairs, left_out) == ([], {"tie": 1})


def test_a_user_a_persona_and_a_tenant_are_told_apart() -> None:
    lives = Attributes("default", "a", AT_MS, "ann", {"country": "NL"})
    world = a_world(("ann", [ANN, lives], "p1"), ("ben", [BEN], "p2"))
    of_ann = [Pair("Is it?", "Yes, and why.", "No")]
    log = [ANN, BEN]
    assert found(world, log, PairsWanted(tenant="default", user_id="ann"))[0] == of_ann
    assert found(world, log, PairsWanted(tenant="default", persona="p1"))[0] == of_ann
    declared = load_personas(DUTCH)
    asked = PairsWanted(tenant="default", persona="dutch")
    assert found(world, log, asked, declared)[0] == of_ann
    assert found(world, log, PairsWanted(tenant="default", persona="p9"))[0] == []
    assert found(world, log, PairsWanted(tenant="other"))[0] == []


@pytest.mark.parametrize(
    "withdrawal",
    [
        Erasure("default", "gone", AT_MS + 1, "ann"),
        Consent("default", "gone", AT_MS + 1, "ann", "preferences", granted=False),
    ],
)
def test_what_was_withdrawn_is_not_given_away_though_the_log_has_it(
    withdrawal: Erasure | Consent,
) -> None:
    world = a_world(("ann", [ANN, withdrawal], None))
    pairs, left_out = found(world, [ANN])
    assert pairs == []
    assert left_out == {"not-kept": 1}


def test_nothing_is_given_away_while_consent_stands_withdrawn() -> None:
    no = Consent("default", "no", AT_MS + 1, "ann", "preferences", granted=False)
    later = chose("ann", text("Yes, and why."), text("No"), at_ms=AT_MS + 2)
    yes = Consent("default", "yes", AT_MS + 3, "ann", "preferences", granted=True)
    assert found(a_world(("ann", [ANN, no, later], None)), [ANN, later]) == (
        [],
        {"not-kept": 1, "withdrawn": 1},
    )
    pairs, _ = found(a_world(("ann", [ANN, no, later, yes], None)), [ANN, later])
    assert len(pairs) == 1


def test_withdrawing_another_kind_of_data_takes_no_pair() -> None:
    no = Consent("default", "no", AT_MS + 1, "ann", "documents", granted=False)
    assert len(found(a_world(("ann", [ANN, no], None)), [ANN])[0]) == 1


def test_somebody_whom_the_store_does_not_know_is_not_given_away() -> None:
    assert found(a_world(), [ANN]) == ([], {"not-kept": 1})


def test_a_repeated_event_makes_one_pair() -> None:
    assert len(found(a_world(("ann", [ANN], None)), [ANN, ANN, ANN])[0]) == 1


def test_items_without_a_text_and_equal_texts_are_left_out_and_counted() -> None:
    unknown = chose("ann", item("long"), item("never described"))
    same = chose("ann", item("short"), text("Yes."), at_ms=AT_MS + 5)
    world = a_world(("ann", [unknown, same], None))
    assert found(world, [unknown, same]) == ([], {"item-not-described": 1, "equal-texts": 1})


def test_a_text_that_only_its_key_is_left_of_is_not_given_away_as_one() -> None:
    again = chose("ann", text(exported_text(7)), text("No"))
    assert found(a_world(("ann", [again], None)), [again]) == ([], {"text-not-kept": 1})


@contextmanager
def pairs_served(world: World, log: Log) -> Iterator[str]:
    async def app() -> FastAPI:
        pairs = PreferencePairs(log=log, users=world.users, items=world.items)
        return create_app(world.lookup(), preferences=pairs)

    with served(app) as url:
        yield url


def test_the_command_writes_what_a_dpo_trainer_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """TRL's standard preference form: three columns, all of them texts, on every line."""
    out = tmp_path / "pairs.jsonl"
    world = a_world(("ann", [ANN], None), ("ben", [BEN], None))
    with pairs_served(world, Log([ANN, BEN])) as url:
        arguments = ["export-preferences", "--format", "dpo", "--url", url]
        assert run([*arguments, "--out", str(out)]) == 0
        assert "2 pairs" in capsys.readouterr().err
        lines = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
        assert [list(line) for line in lines] == [["prompt", "chosen", "rejected"]] * 2
        assert all(isinstance(said, str) for line in lines for said in line.values())
        assert run([*arguments, "--user", "ann"]) == 0
        assert json.loads(capsys.readouterr().out) == lines[0]
        assert run([*arguments, "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == {"pairs": lines, "left_out": {}}


def test_an_export_that_is_cut_off_leaves_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "pairs.jsonl"
    with pairs_served(a_world(("ann", [ANN], None)), Log([ANN], fails=True)) as url:
        assert run(["export-preferences", "--url", url, "--out", str(out)]) == 1
        assert run(["export-preferences", "--url", url, "--json"]) == 1
        assert capsys.readouterr().out == ""
        assert run(["export-preferences", "--url", url, "--out", str(out)]) == 1
    assert "stopped before the last pair" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_another_format_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export-preferences", "--format", "csv"]) == 2
    assert "dpo" in capsys.readouterr().err
