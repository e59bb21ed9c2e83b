"""Blocks of code in documents, and what is said about running them."""

import re
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

__all__ = ["EXECUTABLE", "ROOT", "Block", "blocks_of", "documents"]

ROOT: Final = Path(__file__).resolve().parents[2]
EXECUTABLE: Final = frozenset({"sh", "bash", "console", "python"})
# Records of what was decided and measured, with the commands as they were then.
_RECORDS: Final = ("docs/adr/", "docs/evaluation.md", "docs/performance.md", "docs/reliability.md")

_BLOCK: Final = re.compile(
    r"(?:^<!-- (?P<note>[^\n]*) -->\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block.

    Attributes:
        note: What the comment on the line before it says; empty without one.
    """

    language: str
    text: str
    note: str


def documents() -> list[str]:
    """Every page that tells a reader what to do, relative to the project's root."""
    pages = chain([ROOT / "README.md"], ROOT.glob("docs/**/*.md"))
    names = (page.relative_to(ROOT).as_posix() for page in pages)
    return sorted(name for name in names if not name.startswith(_RECORDS))


def blocks_of(document: str) -> list[Block]:
    """The blocks of it that a reader could run, in order."""
    text = (ROOT / document).read_text("utf-8")
    found = [
        Block(match["language"], match["text"], match["note"] or "")
        for match in _BLOCK.finditer(text)
    ]
    return [block for block in found if block.language in EXECUTABLE]
