"""What the documents name exists: commands, options, settings, files, functions, links."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final

import pytest
import typer

from cli.main import app
from cli.secret_files import SECRETS
from cli.settings import Settings
from profiles.declared import load_personas
from profiles.norms import load_norms
from profiles.policy import load_policy
from profiles.privacy.data_policy import load_data_policy
from profiles.vocabulary import load_vocabulary
from schemas import topics
from schemas.events import validate
from schemas.rejection import Rejection

ROOT: Final = Path(__file__).resolve().parents[2]
_DECLARED: Final = {
    "[[persona]]": load_personas,
    "[[norm]]": load_norms,
    "[attribute.": load_vocabulary,
    "purposes = ": load_data_policy,
}
DOCUMENTS: Final = sorted(
    path.relative_to(ROOT).as_posix()
    for path in chain(ROOT.glob("*.md"), ROOT.glob("docs/**/*.md"))
)
PACKAGES: Final = (
    "schemas",
    "profiles",
    "stores",
    "streams",
    "lookup",
    "local",
    "bookshop",
    "evaluation",
    "cli",
)
# Interpolated by compose for the build, not read by the application.
COMPOSE_VARIABLES: Final = {"STRATA_EXTRAS"}
MAKEFILE: Final = (ROOT / "Makefile").read_text().replace("$(VENV)", ".venv")

_FENCE: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE: Final = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LINK: Final = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")
_PLACE: Final = re.compile(
    rf"`((?:{'|'.join(PACKAGES)}|tests|benchmarks|docs|deploy)/[\w./-]*)`(?:: `([\w.]+)`)?"
)


@dataclass(frozen=True, slots=True)
class Block:
    language: str
    text: str


def read(document: str) -> str:
    return (ROOT / document).read_text("utf-8")


def blocks(document: str, *languages: str) -> list[Block]:
    found = [Block(language, text) for language, text in _FENCE.findall(read(document))]
    return [block for block in found if block.language in languages]


def _anchor(heading: str) -> str:
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


def _headings(path: Path) -> set[str]:
    prose = _FENCE.sub("", path.read_text("utf-8"))
    return {_anchor(heading) for heading in re.findall(r"^#+ (.+)$", prose, re.MULTILINE)}


def _strata_commands(document: str) -> Iterator[list[str]]:
    """Words after `strata` in shell blocks, and in code that begins with it."""
    for block in blocks(document, "sh"):
        for line in block.text.replace("\\\n", " ").splitlines():
            for command in re.split(r"\s(?:\||&&)\s", line):
                words = shlex.split(command, comments=True)
                while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                    words = words[1:]
                if words and words[0].rpartition("/")[2] == "strata":
                    yield words[1:]
    for code in _INLINE.findall(_FENCE.sub("", read(document))):
        if code.startswith("strata "):
            yield code.split()[1:]


def _wrong_use(words: list[str]) -> str | None:
    """Why the command line names something that does not exist; None if it does not."""
    command: Any = typer.main.get_command(app)
    path = "strata"
    left = iter(words)
    for word in left:
        commands = getattr(command, "commands", None)
        if commands is not None and not word.startswith("-"):
            # `dead-letters list|show|republish` names three.
            for name in word.split("|"):
                if name not in commands:
                    return f"{path} has no command {name!r}"
            command = commands[word.split("|")[0]]
            path = f"{path} {word}"
        elif word.startswith("-"):
            option = word.partition("=")[0]
            known = chain(*(param.opts + param.secondary_opts for param in command.params))
            if option not in {*known, "--help"}:
                return f"{path} has no option {option!r}"
            if "=" not in word and any(
                option in param.opts and not getattr(param, "is_flag", False)
                for param in command.params
            ):
                # What it is given is no command, whatever it looks like.
                next(left, None)
    return None


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_and_options_exist(document: str) -> None:
    wrong = [_wrong_use(words) for words in _strata_commands(document)]
    assert [reason for reason in wrong if reason] == []


def test_a_command_that_does_not_exist_would_be_noticed() -> None:
    assert _wrong_use(["publish", "events.jsonl", "--wait"]) is None
    assert _wrong_use(["publish", "events.jsonl", "--forget"]) is not None
    assert _wrong_use(["embroider"]) is not None
    assert _wrong_use(["replay", "--into", "b", "--policy", "p.toml"]) is None
    assert _wrong_use(["replay", "b"]) is not None


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_resolve(document: str) -> None:
    for target in _LINK.findall(_FENCE.sub("", read(document))):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        path = (ROOT / document).parent / name if name else ROOT / document
        assert path.exists(), target
        if anchor:
            assert anchor in _headings(path), target


@pytest.mark.parametrize("document", DOCUMENTS)
def test_environment_variables_are_settings(document: str) -> None:
    settings = {f"STRATA_{name.upper()}" for name in Settings.model_fields}
    settings |= {f"STRATA_{name.upper()}_FILE" for name in SECRETS}
    assert set(re.findall(r"\bSTRATA_[A-Z_]+\b", read(document))) <= settings | COMPOSE_VARIABLES


def test_every_setting_is_in_the_table_of_the_readme() -> None:
    named = set(re.findall(r"^\| `(STRATA_[A-Z_]+)`", read("README.md"), re.MULTILINE))
    assert named == {f"STRATA_{name.upper()}" for name in Settings.model_fields}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_and_the_names_in_them_exist(document: str) -> None:
    for place, name in _PLACE.findall(read(document)):
        path = ROOT / place
        assert path.exists(), place
        for part in filter(None, name.split(".")):
            assert re.search(rf"\b{part}\b", path.read_text("utf-8")), f"{place}: {part}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_make_targets_exist(document: str) -> None:
    shell = "\n".join(block.text for block in blocks(document, "sh"))
    named = re.findall(r"^make (\S+)", shell, re.MULTILINE)
    named += [code.split()[1] for code in _INLINE.findall(read(document)) if code[:5] == "make "]
    for target in named:
        assert re.search(rf"^{re.escape(target)}:", MAKEFILE, re.MULTILINE), target


@pytest.mark.parametrize("document", DOCUMENTS)
def test_python_examples_compile(document: str) -> None:
    for block in blocks(document, "python"):
        compile(block.text, document, "exec")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_policies_and_declarations_shown_are_accepted(document: str) -> None:
    for block in blocks(document, "toml"):
        load = next((kind for sign, kind in _DECLARED.items() if sign in block.text), load_policy)
        load(block.text)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_events_shown_are_accepted(document: str) -> None:
    for block in blocks(document, "json", "jsonl"):
        records = block.text.strip().splitlines() if block.language == "jsonl" else [block.text]
        for record in records:
            if '"event_id"' in record:
                verdict = validate(record.encode(), received_ms=2**42)
                assert not isinstance(verdict, Rejection), verdict


@pytest.mark.parametrize("document", ["README.md", "docs/architecture.md"])
def test_topics_named_exist(document: str) -> None:
    known = {name for name in vars(topics).values() if isinstance(name, str)}
    named = set(re.findall(r"\bstrata\.[a-z-]+\b(?!\.)", read(document))) - {"strata.toml"}
    assert named
    assert named <= known
