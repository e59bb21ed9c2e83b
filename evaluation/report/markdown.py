"""A document as Markdown (with the tables of GitHub's dialect); charts are files beside it."""

from typing import Final, assert_never

from evaluation.report.document import Block, Bullets, Chart, Document, Heading, Paragraph, Table

__all__ = ["CHARTS", "markdown_of"]

CHARTS: Final = "charts"
"""Folder of the charts beside the page."""

_SPECIAL: Final = str.maketrans(
    {character: f"\\{character}" for character in "\\`*_[]<>#|"} | {"\n": " "}
)


def markdown_of(document: Document) -> str:
    """The page; chart NAME is expected at charts/NAME.svg."""
    parts = [f"# {_escaped(document.title)}", *(_block(block) for block in document.blocks)]
    return "\n\n".join(parts) + "\n"


def _block(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"{'#' * level} {_escaped(text)}"
        case Paragraph(text):
            return _escaped(text)
        case Bullets(items):
            return "\n".join(f"- {_escaped(item)}" for item in items)
        case Table():
            return _table(block)
        case Chart():
            words = _escaped(f"{block.title}. {block.alternative}")
            return f"![{words}]({CHARTS}/{block.name}.svg)"
        case _:
            assert_never(block)


def _table(table: Table) -> str:
    rows = [table.header, ("---",) * len(table.header), *table.rows]
    lines = [
        f"| {' | '.join(cell if row == 1 else _escaped(cell) for cell in cells)} |"
        for row, cells in enumerate(rows)
    ]
    return "\n".join([f"**{_escaped(table.caption)}**", "", *lines])


def _escaped(text: str) -> str:
    return text.translate(_SPECIAL)
