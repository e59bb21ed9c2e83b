"""Fixtures of the command: a directory and an environment of its own, and how to run it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import Command, Outcome
from documents_world import documents_over
from fastapi import FastAPI
from lookup_world import DIMENSION, LIBRARY, World, like
from served import served

from cli.main import run
from lookup.persons import Persons
from lookup.service import create_app
from profiles.personas import Label, Persona
from profiles.policy import DEFAULT_POLICY
from stores.memory import MemoryPoints
from stores.passages import PointPassageStore, passage_collection


@pytest.fixture(autouse=True)
def _own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("STRATA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("STRATA_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def strata(capsys: pytest.CaptureFixture[str]) -> Command:
    def command(*arguments: str) -> Outcome:
        code = run(arguments)
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return command


async def _library() -> World:
    world = World()
    for item_id, vector in LIBRARY.items():
        await world.add_item(item_id, vector)
    await world.publish_personas(Persona("p1", 40, (Label("sea \x1b[31m[red]", 3.0, 20),)))
    await world.publish_statistics({"lupin": 9.0, "moby": 7.0})
    await world.publish_statistics({"moby": 6.0, "omoo": 4.0}, scope="p1")
    await world.add_user("ish/mael", [like("ish/mael", "moby")], persona="p1")
    return world


@pytest.fixture
def lookup_url() -> Iterator[str]:
    """A lookup service over a small library with one reader, in a thread of its own."""

    async def app() -> FastAPI:
        world = await _library()
        lookup = world.lookup()
        passages = PointPassageStore(MemoryPoints(passage_collection(DIMENSION)))
        documents = documents_over(lookup, users=world.users, items=world.items, passages=passages)
        persons = Persons(
            users=world.users, items=world.items, passages=passages, policy=DEFAULT_POLICY
        )
        return create_app(lookup, documents=documents, persons=persons)

    with served(app) as url:
        yield url
