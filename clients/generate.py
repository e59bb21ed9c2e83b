"""Write what is derived: the OpenAPI document, the Python client's answers, its synchronous side.

    python clients/generate.py [--check]

Exit 0 when the files were written or are current, 1 on drift, 2 on wrong use.
"""

import argparse
import json
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from lookup.contexts import Contexts
from lookup.erasures import Erasures
from lookup.ingest import EventLog, Ingest
from lookup.ingest_checking import EventRecord
from lookup.persons import Persons
from lookup.queries import Lookup
from lookup.retrieval import Retrieval
from lookup.routes_documents import Documents
from lookup.service import create_app
from lookup.templates import Templates
from profiles.documents.context import UpperBound
from profiles.norms import NO_NORMS
from profiles.policy import DEFAULT_POLICY
from profiles.privacy.pseudonyms import secret_of
from stores.answers import MemoryAnswerStore
from stores.erasures import ERASURE_COLLECTION, PointErasureStore
from stores.items import PointItemStore, item_collection
from stores.memory import MemoryPoints
from stores.memory_aggregates import MemoryAggregateStore
from stores.memory_cache import MemoryProfileCache
from stores.passages import PointPassageStore, passage_collection
from stores.personas import PERSONA_COLLECTION, PointPersonaStore
from stores.users import PointUserStore, user_collection

ROOT: Final = Path(__file__).resolve().parents[1]
OPENAPI: Final = ROOT / "docs/schemas/openapi.json"
PACKAGE: Final = ROOT / "clients/python/src/strata_client"
ANSWERS: Final = PACKAGE / "answers.py"
ASYNC: Final = PACKAGE / "_async.py"
SYNC: Final = PACKAGE / "_sync.py"

_Schema = dict[str, Any]
_REFERENCE: Final = "#/components/schemas/"
_SCALARS: Final = {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}
_KEYWORDS: Final = {"global": "global_"}
_HEADER: Final = '''"""What the service answers. Generated from its OpenAPI document: do not edit.

Times are RFC 3339 in UTC. `None` means absent, never zero. Fields that a newer service adds are
ignored.
"""

import msgspec

'''


# From the client with an event loop to the one without.
_WITHOUT_WAITS: Final = (
    (r"\basync (def|for|with)\b", r"\1"),
    (r"\bawait ", ""),
    (r"\bAsync(?=[A-Z])", ""),
    (r"for (\w+) in ([\w.]+):\n +yield \1\n", r"yield from \2\n"),
    (r"\baclose\b", "close"),
    (r"__a(enter|exit)__", r"__\1__"),
    (
        r"The client for programs with an event loop",
        "The client for programs without an event loop",
    ),
    (r"One object belongs to one event loop\.", "One object may be shared by threads."),
    (
        r"`_sync` is made from this file by `clients/generate.py`: change it here\.",
        "Made from `_async` by `clients/generate.py`: change that one.",
    ),
)


class _Nowhere(EventLog):
    async def append(self, records: Sequence[EventRecord]) -> list[int]:
        raise NotImplementedError(f"{len(records)} events have nowhere to go")

    async def answers(self) -> None:
        raise NotImplementedError("there is no log")


def openapi_document() -> _Schema:
    """The document of the whole service, publishing and documents included."""
    users = PointUserStore(MemoryPoints(user_collection(1)))
    items = PointItemStore(MemoryPoints(item_collection(1)))
    lookup = Lookup(
        users=users,
        items=items,
        personas=PointPersonaStore(MemoryPoints(PERSONA_COLLECTION)),
        cache=MemoryProfileCache(),
        aggregates=MemoryAggregateStore(partitions=1),
    )
    ingest = Ingest(log=_Nowhere(), answers=MemoryAnswerStore(), partitions=1, now_ms=lambda: 0)
    passages = PointPassageStore(MemoryPoints(passage_collection(1)))
    retrieval = Retrieval(lookup=lookup, users=users, items=items, passages=passages)
    contexts = Contexts(
        lookup=lookup,
        retrieval=retrieval,
        counter=UpperBound(),
        templates=Templates(),
        norms=NO_NORMS,
    )
    documents = Documents(retrieval=retrieval, contexts=contexts)
    persons = Persons(users=users, items=items, passages=passages, policy=DEFAULT_POLICY)
    erasures = Erasures(
        store=PointErasureStore(MemoryPoints(ERASURE_COLLECTION)),
        users=users,
        answers=MemoryAnswerStore(),
        ingest=ingest,
        secret=secret_of("of no use"),
        now_ms=lambda: 0,
        new_id=str,
    )
    return create_app(
        lookup, documents=documents, ingest=ingest, persons=persons, erasures=erasures
    ).openapi()


def answers_module(document: _Schema) -> str:
    """Python source with one struct per object that an answer may hold."""
    schemas: dict[str, _Schema] = document["components"]["schemas"]
    names = [name for name in _reachable(document) if schemas[name].get("type") == "object"]
    listed = "".join(f'    "{_class_name(name)}",\n' for name in sorted(names, key=_class_name))
    structs = "\n\n".join(_struct(name, schemas) for name in names)
    return f"{_HEADER}__all__ = [\n{listed}]\n\n\n{structs}"


def synchronous(source: str) -> str:
    """The source of the client without an event loop, from that of the one with."""
    for pattern, replacement in _WITHOUT_WAITS:
        source = re.sub(pattern, replacement, source)
    for command in (["check", "--fix", "--quiet", "--select", "I"], ["format", "--quiet"]):
        source = subprocess.run(  # noqa: S603 - the formatter of this repository
            [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(SYNC), "-"],
            input=source,
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
        ).stdout
    return source


def files() -> Mapping[Path, str]:
    """Every generated file and its text."""
    document = openapi_document()
    return {
        OPENAPI: json.dumps(document, indent=2, ensure_ascii=False) + "\n",
        ANSWERS: answers_module(document),
        SYNC: synchronous(ASYNC.read_text("utf-8")),
    }


def _reachable(document: _Schema) -> list[str]:
    """Names of what answers refer to, each after all that it refers to itself."""
    schemas = document["components"]["schemas"]
    ordered: dict[str, None] = {}

    def visit(name: str) -> None:
        if name not in ordered:
            for inner in _references(schemas[name]):
                visit(inner)
            ordered[name] = None

    for path in sorted(document["paths"]):
        for operation in document["paths"][path].values():
            for name in _references(operation["responses"]):
                visit(name)
    return list(ordered)


def _references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "$ref":
                yield str(inner).removeprefix(_REFERENCE)
            elif key != "example":
                yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def _class_name(name: str) -> str:
    return name.removesuffix("View")


def _struct(name: str, schemas: Mapping[str, _Schema]) -> str:
    schema = schemas[name]
    lines = [f"class {_class_name(name)}(msgspec.Struct, frozen=True, kw_only=True):"]
    if text := schema.get("description"):
        quoted = textwrap.indent(f'"""{text}', "    ").rstrip()
        lines += [quoted + ('\n    """' if "\n" in text else '"""'), ""]
    required = schema.get("required", ())
    for field, inner in schema["properties"].items():
        kind = _type(inner, schemas)
        default = "" if field in required else _default(inner)
        if field in _KEYWORDS:
            default = f' = msgspec.field(name="{field}")'
        lines.append(f"    {_KEYWORDS.get(field, field)}: {kind}{default}")
    return "\n".join(lines) + "\n"


def _default(schema: _Schema) -> str:
    value = schema.get("default")
    return f" = {tuple(value) if isinstance(value, list) else value!r}"


def _type(schema: _Schema, schemas: Mapping[str, _Schema]) -> str:
    if "$ref" in schema:
        name = str(schema["$ref"]).removeprefix(_REFERENCE)
        # Words of a fixed list are text to a client: the list may grow.
        return "str" if "enum" in schemas[name] else _class_name(name)
    if "anyOf" in schema:
        kinds = [_type(one, schemas) for one in schema["anyOf"]]
        return " | ".join(dict.fromkeys(kinds))
    kind = schema["type"]
    if kind == "null":
        return "None"
    if kind == "array":
        return f"tuple[{_type(schema['items'], schemas)}, ...]"
    if kind == "object":
        return f"dict[str, {_type(schema['additionalProperties'], schemas)}]"
    return _SCALARS[kind]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status is returned."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 on drift")
    check: bool = parser.parse_args(arguments).check
    texts = files()
    drifted = [
        path
        for path, text in texts.items()
        if not path.is_file() or path.read_text("utf-8") != text
    ]
    for path in drifted:
        if check:
            sys.stderr.write(f"{path.relative_to(ROOT)} is out of date; run `make schemas`\n")
        else:
            path.write_text(texts[path], "utf-8")
    return 1 if check and drifted else 0


if __name__ == "__main__":
    sys.exit(main())
