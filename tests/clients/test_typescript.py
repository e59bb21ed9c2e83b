"""The TypeScript client: built from its lock file, compiled strictly, run against the service."""

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from generate_typescript import CLIENT, OPENAPI, SCHEMA, Unavailable, installed_into, schema_of

from lookup.examples import EXAMPLES
from strata_client.events import NotAnEvent, checked
from strata_client.positions import joined, positions_of, token_of

DOCUMENT: Final[dict[str, Any]] = json.loads(OPENAPI.read_text("utf-8"))
README: Final = (CLIENT / "README.md").read_text("utf-8")
HOW_TO: Final = (CLIENT.parents[1] / "docs/howto/publish.md").read_text("utf-8")
_BLOCK: Final = re.compile(r"^```typescript\n(.*?)^```$", re.MULTILINE | re.DOTALL)
IN_HOW_TO: Final = _BLOCK.findall(HOW_TO)
BLOCKS: Final = _BLOCK.findall(README) + IN_HOW_TO
NOW_MS: Final = 1_700_000_000_000
_EVENT: Final = {"event_id": "e", "occurred_at": "2023-11-14T12:00:00Z"}
_VIEW: Final = {
    **_EVENT,
    "type": "interaction",
    "user_id": "anna",
    "item_id": "emma",
    "action": "view",
}
_CHOICE: Final = {**_EVENT, "type": "preference", "user_id": "anna", "chosen": {"item_id": "a"}}
EVENTS: Final[Mapping[str, Mapping[str, object]]] = {
    "plain": _VIEW,
    "with a context": {**_VIEW, "value": 4.5, "context": {"page": {"n": 1}}},
    "seconds": {**_VIEW, "occurred_at": 1_699_999_999.5},
    "an offset": {**_VIEW, "occurred_at": "2023-11-14t12:00:00.123456+05:30"},
    "a leap day": {**_VIEW, "occurred_at": "2020-02-29T00:00:00Z"},
    "no leap day": {**_VIEW, "occurred_at": "2023-02-29T00:00:00Z"},
    "before 1970": {**_VIEW, "occurred_at": "1969-12-31T23:59:59Z"},
    "a negative second": {**_VIEW, "occurred_at": -1},
    "an hour ahead": {**_VIEW, "occurred_at": NOW_MS / 1000 + 3_600},
    "too far ahead": {**_VIEW, "occurred_at": NOW_MS / 1000 + 90_000},
    "no offset": {**_VIEW, "occurred_at": "2023-11-14T12:00:00"},
    "a date": {**_VIEW, "occurred_at": "2023-11-14"},
    "a name that is empty": {**_VIEW, "user_id": ""},
    "a name that is full": {**_VIEW, "item_id": "é" * 256},
    "a name that is too long": {**_VIEW, "item_id": "é" * 257},
    "no item": {key: one for key, one in _VIEW.items() if key != "item_id"},
    "no such type": {**_VIEW, "type": "sneeze"},
    "half a letter": {**_VIEW, "context": {"text": "\ud800"}},
    "one side": {**_CHOICE, "rejected": {"item_id": "b"}, "strength": 0.5},
    "texts": {**_CHOICE, "chosen": {"text": "x"}, "rejected": {"text": "y"}},
    "no side": {**_CHOICE, "rejected": {}},
    "both sides": {**_CHOICE, "rejected": {"item_id": "b", "text": "b"}},
    "the same": {**_CHOICE, "rejected": {"item_id": "a"}},
    "less than no strength": {**_CHOICE, "rejected": {"item_id": "b"}, "strength": -0.5},
    "a tie": {**_CHOICE, "rejected": {"item_id": "b"}, "strength": 0},
    "a side without a name": {**_CHOICE, "rejected": {"item_id": ""}},
    "about nothing": {
        **_EVENT,
        "type": "document",
        "user_id": "anna",
        "document_id": "d",
        "text": "t",
        "about": ["emma", ""],
    },
    "consent": {
        **_EVENT,
        "type": "consent",
        "user_id": "anna",
        "data_type": "documents",
        "granted": False,
    },
    "no such data": {
        **_EVENT,
        "type": "consent",
        "user_id": "anna",
        "data_type": "dreams",
        "granted": True,
    },
    "themselves": {**_EVENT, "type": "identity", "user_id": "anna", "same_as": "anna"},
    "removed": {
        **_EVENT,
        "type": "removal",
        "user_id": "anna",
        "data_type": "documents",
        "removed_id": "e-81",
        "removed_at": "2025-03-01T12:00:00Z",
    },
    "nothing removed": {**_EVENT, "type": "removal", "user_id": "anna", "data_type": "documents"},
    "retired": {**_EVENT, "type": "item_retired", "item_id": "emma"},
    "erased": {**_EVENT, "type": "erasure", "user_id": "anna"},
}


def _ran(directory: Path, *command: str) -> str:
    ran = subprocess.run(
        command, cwd=directory, capture_output=True, text=True, timeout=240, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def _compiled(directory: Path, *options: str) -> None:
    _ran(directory, "node", "node_modules/typescript/bin/tsc", *options)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client with what its lock file names, compiled by its own strict settings."""
    directory = tmp_path_factory.mktemp("typescript")
    try:
        installed_into(directory)
    except Unavailable as error:
        pytest.skip(f"the TypeScript client is not built here: {error}")
    _compiled(directory)
    return directory


@pytest.fixture(scope="module")
def examples(package: Path) -> Path:
    """What the documents show and the service's examples, compiled as a program of a user."""
    written = package / "examples"
    written.mkdir()
    for number, block in enumerate(BLOCKS):
        (written / f"block-{number}.ts").write_text(block, "utf-8")
    (written / "answers.ts").write_text(_answers_as_program(), "utf-8")
    settings = {
        "extends": "../tsconfig.json",
        "compilerOptions": {"rootDir": ".", "outDir": "../examples-dist", "declaration": False},
        "include": ["."],
    }
    (written / "tsconfig.json").write_text(json.dumps(settings))
    _compiled(package, "-p", "examples")
    return package / "examples-dist"


def _answers_as_program() -> str:
    """Every example answer, as a value of the type that its route answers with."""
    lines = ['import type { components } from "strata-client";', "export const answers = ["]
    for method, path in sorted(EXAMPLES):
        responses = DOCUMENT["paths"][path][method]["responses"]
        content = next(iter(responses.values()))["content"].get("application/json", {})
        name = str(content.get("schema", {}).get("$ref", "")).rpartition("/")[2]
        if name:
            answer = json.dumps(content["example"])
            lines.append(f'  {answer} satisfies components["schemas"]["{name}"],')
    return "\n".join([*lines, "];", ""])


def test_its_types_are_those_of_the_document(package: Path) -> None:
    assert schema_of(DOCUMENT, package) == SCHEMA.read_text("utf-8"), "run `make schemas`"


def test_its_own_tests_pass(package: Path) -> None:
    said = _ran(package, "node", "--test", "tests/")
    assert int(re.findall(r"^# pass (\d+)$", said, re.MULTILINE)[0]) >= 15


def test_every_example_of_the_service_is_of_its_types(examples: Path) -> None:
    assert (examples / "answers.js").read_text("utf-8").count("\n") > 15


def test_what_the_documents_show_runs_against_a_service(examples: Path, service_url: str) -> None:
    assert len(BLOCKS) - len(IN_HOW_TO) >= 5
    assert IN_HOW_TO
    program = "\n".join(f'await import("./block-{number}.js");' for number in range(len(BLOCKS)))
    for block in examples.glob("block-*.js"):
        source = block.read_text("utf-8")
        assert '"http://127.0.0.1:8700"' in source
        block.write_text(source.replace('"http://127.0.0.1:8700"', json.dumps(service_url)))
    (examples / "all.mjs").write_text(program)
    said = _ran(examples, "node", "all.mjs")
    assert "p1 40" in said


def test_tokens_are_joined_as_python_joins_them(package: Path) -> None:
    offsets = (0, 1, 127, 128, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**53 - 1)
    topics = ("interactions", "documents", "preferences", "attributes", "consents", "erasures")
    tokens = [
        {
            (f"strata.{topic}", (number * 37 + at) % 300): offset
            for at, topic in enumerate(topics[: 1 + number % len(topics)])
        }
        for number, offset in enumerate(offsets)
    ]
    tokens.append({("strata.interactions", partition): partition for partition in range(1_000)})
    program = """
      import { joined, positionsOf, tokenOf } from "./dist/index.js";
      const tokens = JSON.parse(process.argv[1]);
      const all = tokens.map(positionsOf);
      console.log(JSON.stringify([all.map(tokenOf), tokenOf(all.reduce(joined))]));
    """
    told = [token_of(positions) for positions in tokens]
    same, together = json.loads(
        _ran(package, "node", "--input-type=module", "-e", program, json.dumps(told))
    )
    assert [positions_of(token) for token in same] == tokens
    # A number has one form up to 32 bits; a token is the same text as far as all are in them.
    small = [number for number, one in enumerate(tokens) if max(one.values()) < 2**32]
    assert [same[number] for number in small] == [told[number] for number in small]
    expected: dict[tuple[str, int], int] = {}
    for positions in tokens:
        expected = joined(expected, positions)
    assert positions_of(together) == expected


def test_events_are_refused_for_the_same_reasons_as_in_python(package: Path) -> None:
    program = """
      import { Strata } from "./dist/index.js";
      Date.now = () => Number(process.argv[2]);
      const codes = {};
      for (const [name, event] of Object.entries(JSON.parse(process.argv[1]))) {
        const strata = new Strata({ retries: { attempts: 1 }, fetch: async (request) => {
          codes[name] = { sent: await request.json() };
          throw new Error("sent");
        }});
        await strata.publish(event).catch((error) => {
          if (error.wrong !== undefined) codes[name] = error.wrong[0].code;
        });
      }
      console.log(JSON.stringify(codes));
    """
    arguments = ("node", "--input-type=module", "-e", program, json.dumps(EVENTS), str(NOW_MS))
    found = json.loads(_ran(package, *arguments))
    assert found == {name: _as_python_says(event) for name, event in EVENTS.items()}


def _as_python_says(event: Mapping[str, object]) -> object:
    try:
        checked(event, now_ms=NOW_MS)
    except NotAnEvent as error:
        # Python has no types to say that a field is there.
        is_missing = error.code == "wrong-type" and "missing required field" in error.message
        return "missing-field" if is_missing else error.code
    return {"sent": [event]}


def test_every_route_has_a_method() -> None:
    source = (CLIENT / "src/client.ts").read_text("utf-8")
    asked = set(re.findall(r'\.(GET|POST|DELETE)\("([^"]+)"', source))
    routes = {
        (method.upper(), path)
        for path, operations in DOCUMENT["paths"].items()
        for method in operations
        if path != "/metrics"
    }
    assert asked == routes


def test_its_lock_file_names_no_place_to_download_from() -> None:
    lock = json.loads((CLIENT / "package-lock.json").read_text("utf-8"))
    entries = {name: entry for name, entry in lock["packages"].items() if name}
    assert len(entries) > 5
    for entry in entries.values():
        assert "resolved" not in entry
        assert entry["integrity"].startswith("sha512-")


def test_versions_are_exact_and_those_of_the_lock_file() -> None:
    told = json.loads((CLIENT / "package.json").read_text("utf-8"))
    lock = json.loads((CLIENT / "package-lock.json").read_text("utf-8"))["packages"]
    for name, version in (told["dependencies"] | told["devDependencies"]).items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
        assert lock[f"node_modules/{name}"]["version"] == version


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)\)", README))
def test_links_resolve(link: str) -> None:
    assert (CLIENT / link).exists()
