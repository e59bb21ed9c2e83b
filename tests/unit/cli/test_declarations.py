import json
from pathlib import Path

import pytest
from command_line import Command
from lookup_world import LIBRARY, NOON_MS, World, like
from rich.console import Console, RenderableType

from cli.declarations import read_declarations
from cli.doctor.declarations import declaration_in_force, examine_declarations
from cli.doctor.findings import Verdict
from cli.errors import CommandFailed
from cli.settings import Settings, load_settings
from cli.views.population import render_persona, render_personas, render_statistics
from cli.views.profile import render_profile
from cli.views.ranking import render_ranking
from profiles.declared import load_personas
from profiles.norms import load_norms
from schemas import decoded as events

PERSONAS = """
[[persona]]
id = "dutch"
title = "Dutch [red]readers"
description = "They said so."
rule = { attribute = "country", is = "NL" }

[[persona]]
id = "norse"
title = "Norse"
description = "They said so."
rule = { attribute = "country", is = "NO" }
"""
NORMS = """
[[norm]]
id = "no-crime"
kind = "never"
items = { ids = ["lupin"] }
reason = "Under review."
declared_by = "Board"
since = 2025-03-01

[[norm]]
id = "verse"
kind = "always"
items = { ids = ["odes"] }
reason = "Verse for all."
declared_by = "Office"
since = 2025-04-01
"""
DUTCH = events.Attributes("default", "says", NOON_MS, "ann", {"country": "NL"})


@pytest.fixture
def files(tmp_path: Path) -> Settings:
    (tmp_path / "who.toml").write_text(PERSONAS)
    (tmp_path / "what.toml").write_text(NORMS)
    return Settings(personas=tmp_path / "who.toml", norms=tmp_path / "what.toml")


def test_files_are_read_from_where_the_settings_say(files: Settings) -> None:
    found = read_declarations(files)
    assert list(found.personas.by_id) == ["dutch", "norse"]
    assert [norm.id for norm in found.norms.norms] == ["no-crime", "verse"]
    nothing = read_declarations(Settings())
    assert (nothing.personas.version, nothing.norms.norms) == (0, ())


def test_the_environment_and_the_settings_file_name_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "strata.toml").write_text('norms = "what.toml"')
    monkeypatch.setenv("STRATA_PERSONAS", "who.toml")
    settings = load_settings()
    assert (settings.personas, settings.norms) == (Path("who.toml"), Path("what.toml"))


@pytest.mark.parametrize("name", ["personas", "norms"])
@pytest.mark.parametrize("content", [None, b"\xff"])
def test_a_file_that_cannot_be_read_is_named(
    name: str, content: bytes | None, tmp_path: Path
) -> None:
    path = tmp_path / "odd.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CommandFailed, match=f"{name} .*odd.toml cannot be read"):
        read_declarations(Settings().model_copy(update={name: path}))


ODD = {
    'personas: "dutch": rule: there is no': PERSONAS.replace("is =", "equals ="),
    'personas: "p1": ids like': PERSONAS.replace('"dutch"', '"p1"'),
    "norms: \"no-crime\": kind 'seldom'": NORMS.replace('"never"', '"seldom"'),
    "norms: not TOML": "[[",
}


@pytest.mark.parametrize("message", ODD)
@pytest.mark.parametrize("command", ["up", "worker", "serve"])
def test_what_cannot_be_used_ends_a_command_before_it_starts(
    strata: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str, message: str
) -> None:
    (tmp_path / "odd.toml").write_text(ODD[message])
    if command != "up":
        monkeypatch.setenv("STRATA_KAFKA_BOOTSTRAP", "127.0.0.1:9")
        monkeypatch.setenv("STRATA_REDIS_URL", "redis://127.0.0.1:9")
        monkeypatch.setenv("STRATA_QDRANT_URL", "http://127.0.0.1:9")
    kind = message.partition(":")[0]
    monkeypatch.setenv(f"STRATA_{kind.upper()}", str(tmp_path / "odd.toml"))
    outcome = strata(command)
    assert outcome.code == 1
    assert message in outcome.err
    assert outcome.err.count("\n") == 1
    assert not (tmp_path / "data").exists()


def test_the_doctor_lists_the_files_in_force(files: Settings) -> None:
    personas, norms, _ = examine_declarations(files)
    assert (personas.verdict, norms.verdict) == (Verdict.OK, Verdict.OK)
    assert personas.found.endswith("who.toml: 2 declared: dutch, norse")
    assert norms.found.endswith("what.toml: 2 in force: no-crime (never), verse (always)")
    assert declaration_in_force(files) == load_personas(PERSONAS).version


def test_the_doctor_says_what_the_data_policy_is_and_where_it_contradicts_itself(
    files: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "data.toml"
    path.write_text('[attributes]\nconsent = "opt-in"\nkept_days = 9\npurposes = ["prompting"]\n')
    settings = files.model_copy(update={"data_policy": path})
    found = [one for one in examine_declarations(settings) if one.about == "data policy"]
    assert [one.verdict for one in found] == [Verdict.OK, Verdict.NOTE, Verdict.NOTE]
    assert (
        "attributes: opt-in, 9 days, for prompting; documents: no consent needed" in found[0].found
    )
    assert "their topic keeps them for ever" in found[1].found
    assert found[2].found == "declared personas count nobody: attributes do not serve aggregates"
    assert declaration_in_force(settings) != declaration_in_force(files)

    path.write_text("[letters]")
    assert [one.verdict for one in examine_declarations(settings)][-1] is Verdict.WRONG


def test_the_doctor_says_when_there_are_none() -> None:
    files, data_policy = examine_declarations(Settings())
    assert files.verdict is data_policy.verdict is Verdict.OK
    assert "no personas or norms are declared" in files.found
    assert "every kind of data is kept and serves every purpose" in data_policy.found


def test_the_doctor_says_what_is_wrong_with_them(files: Settings, tmp_path: Path) -> None:
    (tmp_path / "who.toml").write_text(PERSONAS + PERSONAS)
    (tmp_path / "what.toml").unlink()
    personas, norms, _ = examine_declarations(files)
    assert (personas.verdict, norms.verdict) == (Verdict.WRONG, Verdict.WRONG)
    assert '"dutch" is declared 2 times' in personas.found
    assert "cannot be read" in norms.found
    assert declaration_in_force(files) is None


def test_the_doctor_shows_them_with_the_rest(
    strata: Command, monkeypatch: pytest.MonkeyPatch, files: Settings
) -> None:
    monkeypatch.setenv("STRATA_PERSONAS", str(files.personas))
    rows = json.loads(strata("doctor", "--json").out)
    assert [row["about"] for row in rows if "who.toml" in row["found"]] == ["personas"]


async def _answers() -> dict[str, RenderableType]:
    declared = load_personas(PERSONAS)
    world = World()
    for item_id, vector in LIBRARY.items():
        await world.add_item(item_id, vector)
    version = declared.version
    await world.publish_statistics({"lupin": 9.0, "moby": 7.0}, users=20, declaration=version)
    for scope, users in {"dutch": 10, "norse": 1}.items():
        await world.publish_statistics({"moby": 6.0}, scope=scope, users=users, declaration=version)
    await world.add_user("ann", [like("ann", "moby"), DUTCH])
    lookup = world.lookup(declared=declared, norms=load_norms(NORMS))
    return {
        "profile": render_profile(await lookup.profile("default", "ann")),
        "rank": render_ranking(await lookup.rank("default", "ann")),
        "personas": render_personas(await lookup.personas("default")),
        "persona": render_persona(await lookup.persona("default", "dutch")),
        "statistics": render_statistics(await lookup.statistics("default")),
    }


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("answer", "lines"),
    [
        ("profile", ["dutch (Dutch [red]readers; 10 members, 50% of users)"]),
        (
            "rank",
            ["norm no-crime removed 1: Under review.", "norm verse placed 1: Verse for all."],
        ),
        ("personas", ["1 declared personas; 1 with fewer than 5 members not shown", "dutch"]),
        ("persona", ["dutch: 10 members, 50% of users", "Dutch [red]readers: They said so."]),
        (
            "statistics",
            [
                "norm no-crime (never, Board, since 2025-03-01): Under review.",
                "norm verse (always, Office, since 2025-04-01): Verse for all.",
            ],
        ),
    ],
)
async def test_people_see_them_on_the_terminal(answer: str, lines: list[str]) -> None:
    console = Console(width=120, no_color=True, force_terminal=False)
    with console.capture() as shown:
        console.print((await _answers())[answer])
    for line in lines:
        assert line in shown.get()
