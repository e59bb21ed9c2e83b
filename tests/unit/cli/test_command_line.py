import re
import subprocess
import sys
from typing import Any, Final

import pytest
import typer
from command_line import Command

import cli.main
from cli.errors import CommandFailed
from cli.main import app
from profiles.ports import StoreUnavailable

HEAVY = {"torch", "numpy", "faust", "aiokafka", "fastapi", "pydantic", "redis", "sklearn", "httpx"}


def test_help_needs_none_of_the_heavy_parts() -> None:
    loaded = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from cli.main import run; run(['--help']); print('LOADED', *sys.modules)",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "Usage: strata" in loaded
    assert HEAVY.isdisjoint(loaded.rpartition("LOADED")[2].split())


@pytest.mark.parametrize(
    "name",
    [
        "init",
        "up",
        "worker",
        "serve",
        "demo",
        "publish",
        "profile",
        "rank",
        "personas",
        "statistics",
        "dead-letters",
        "doctor",
    ],
)
def test_every_command_has_help(name: str, strata: Command) -> None:
    outcome = strata(name, "--help")
    assert outcome.code == 0
    assert f"Usage: strata {name}" in outcome.out


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["profile"],
        ["profile", "ada", "--no-such-option"],
        ["publish", "no-such-file.jsonl"],
        ["rank", "ada", "--limit", "0"],
        ["demo", "--items", __file__],
        ["demo", "--readers", "10"],
        ["dead-letters", "show", "not-a-position"],
        ["worker"],
        ["serve"],
    ],
)
def test_wrong_use_is_one_line_and_exit_2(arguments: list[str], strata: Command) -> None:
    outcome = strata(*arguments)
    assert outcome.code == 2
    assert outcome.out == ""
    assert re.fullmatch(r"strata: [^\n]+\n", outcome.err)


@pytest.mark.parametrize(
    "arguments",
    [
        ["profile", "ada"],
        ["rank", "ada"],
        ["personas"],
        ["statistics"],
        ["statistics", "--rebuild"],
        ["publish", __file__],
        ["dead-letters", "list"],
        ["dead-letters", "republish", "interactions/0/1"],
    ],
)
def test_without_a_stack_commands_say_to_start_one(arguments: list[str], strata: Command) -> None:
    outcome = strata(*arguments)
    assert outcome.code == 1
    assert re.fullmatch(
        r"strata: no stack is running in [^\n]+ run `strata up`[^\n]+\n", outcome.err
    )


def test_without_arguments_the_help_is_shown(strata: Command) -> None:
    outcome = strata()
    assert outcome.code == 2
    assert "Usage: strata" in outcome.out + outcome.err


def test_the_version_is_printed(strata: Command) -> None:
    outcome = strata("--version")
    assert outcome.code == 0
    assert re.fullmatch(r"strata \d+\.\d+\.\d+\n", outcome.out)


def failing_with(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        private = "words of a person"
        assert private
        raise error

    monkeypatch.setattr(cli.main, "app", fail)


def test_a_failure_is_one_line_and_exit_1(strata: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    failing_with(CommandFailed("no\nluck \x1b[2J"), monkeypatch)
    outcome = strata("up")
    assert (outcome.code, outcome.err) == (1, "strata: no luck \\x1b[2J\n")


def test_a_part_that_is_unreachable_is_one_line(
    strata: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing_with(StoreUnavailable("Redis does not answer: refused"), monkeypatch)
    outcome = strata("up")
    assert (outcome.code, outcome.err) == (1, "strata: Redis does not answer: refused\n")


def test_a_bug_is_recorded_without_the_values_of_variables(
    strata: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing_with(ZeroDivisionError("division by zero"), monkeypatch)
    outcome = strata("up")
    assert outcome.code == 1
    assert "Traceback" in outcome.err
    assert "words of a person" not in outcome.err.replace('private = "words of a person"', "")
    assert outcome.err.splitlines()[-1].startswith("strata: stopped by a bug")


def test_ctrl_c_is_exit_130(strata: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.main, "app", interrupted)
    assert strata("publish").code == 130


DESIGNED: Final = (
    *("init", "up", "demo", "worker", "serve", "publish", "profile", "rank", "context", "explain"),
    *("personas", "statistics", "export", "erase", "export-preferences", "dead-letters", "replay"),
    *("promote", "rollback", "backup", "restore", "evaluate", "report", "bench", "mcp", "doctor"),
)
READING: Final = (
    *("profile", "rank", "context", "explain", "personas", "statistics", "export", "doctor"),
    *("dead-letters list", "dead-letters show", "keys list", "replay list", "replay diff"),
    *("export-preferences", "rerank", "evaluate", "bench"),
)


def _command(words: str) -> Any:
    found: Any = typer.main.get_command(app)
    for word in words.split():
        found = found.commands[word]
    return found


@pytest.mark.parametrize("name", DESIGNED)
def test_every_command_of_the_interface_exists_and_explains_itself(name: str) -> None:
    assert len((_command(name).help or "").split()) > 3


@pytest.mark.parametrize("name", READING)
def test_every_reading_command_can_be_read_by_programs(name: str) -> None:
    assert "--json" in {option for param in _command(name).params for option in param.opts}
