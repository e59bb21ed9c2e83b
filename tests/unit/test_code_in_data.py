"""What is stored and sent is data: nothing that is read back can bring code along."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
PLACES: Final = (
    *("schemas", "profiles", "stores", "streams", "lookup", "local", "cli"),
    *("bookshop", "evaluation", "clients/python/src"),
)
# Each of them makes objects, or code, of bytes.
MODULES: Final = frozenset(
    {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
)
CALLS: Final = frozenset({"eval", "exec", "compile", "__import__"})


def modules() -> Iterator[Path]:
    for place in PLACES:
        yield from (ROOT / place).rglob("*.py")


@pytest.mark.parametrize("path", sorted(modules()), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_reads_what_could_be_code(path: Path) -> None:
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.Import(names=names):
                found += [one.name for one in names if one.name.partition(".")[0] in MODULES]
            case ast.ImportFrom(module=str(module)) if module.partition(".")[0] in MODULES:
                found.append(module)
            case ast.Call(func=ast.Name(id=name)) if name in CALLS:
                found.append(name)
            case ast.keyword(arg="allow_pickle", value=value):
                if not (isinstance(value, ast.Constant) and value.value is False):
                    found.append("allow_pickle")
    assert found == []
