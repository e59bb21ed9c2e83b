"""A document as one HTML page that needs nothing else: no script, font, image or address."""

import re
from html import escape
from typing import Final, assert_never

from evaluation.report.document import Block, Bullets, Chart, Document, Heading, Paragraph, Table

__all__ = ["html_of"]

_STYLE: Final = """
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 64rem; margin: 0 auto; padding: 1rem; }
h2 { border-top: 1px solid; padding-top: 1rem; margin-top: 2.5rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: .4rem 0; }
th, td { border-bottom: 1px solid #8888; padding: .2rem .6rem; text-align: right; }
th:first-child, td:first-child { text-align: left; }
thead th { vertical-align: bottom; }
figure { margin: 1rem 0; }
figure svg { background: #fff; max-width: 100%; height: auto; }
figcaption { font-size: .85rem; }
@media print {
  body { max-width: none; font-size: 10pt; }
  figure, tr { break-inside: avoid; }
  .wide { overflow: visible; }
}
"""
_HEAD: Final = re.compile(r"\A.*?(?=<svg)", re.DOTALL)
_NAMESPACE: Final = re.compile(r'\sxmlns(:\w+)?="[^"]*"')
_OWN_NAME: Final = re.compile(r'(\bid="|url\(#|href="#)')
_OPENING: Final = re.compile(r"<svg\b")


def html_of(document: Document) -> str:
    """The page."""
    title = escape(document.title)
    body = "\n".join(_block(block) for block in document.blocks)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{title}</h1>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _block(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"<h{level}>{escape(text)}</h{level}>"
        case Paragraph(text):
            return f"<p>{escape(text)}</p>"
        case Bullets(items):
            return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>"
        case Table():
            return _table(block)
        case Chart():
            return _figure(block)
        case _:
            assert_never(block)


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in table.header)
    rows = "".join(
        f'<tr><th scope="row">{escape(first)}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in rest)
        + "</tr>\n"
        for first, *rest in table.rows
    )
    return (
        f'<div class="wide"><table><caption>{escape(table.caption)}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>{rows}</tbody></table></div>"
    )


def _figure(chart: Chart) -> str:
    """The drawing inline; its names are made its own, because a page holds several."""
    svg = _NAMESPACE.sub("", _HEAD.sub("", chart.svg))
    svg = _OWN_NAME.sub(rf"\g<1>{chart.name}-", svg)
    label, words = f"{chart.name}-title", f"{chart.name}-words"
    opening = f'<svg role="img" aria-labelledby="{label} {words}"'
    svg = _OPENING.sub(opening, svg, count=1)
    start = svg.index(">", svg.index("<svg")) + 1
    named = (
        f'<title id="{label}">{escape(chart.title)}</title>'
        f'<desc id="{words}">{escape(chart.alternative)}</desc>'
    )
    return (
        f"<figure>{svg[:start]}{named}{svg[start:]}"
        f"<figcaption>{escape(chart.title)}. {escape(chart.alternative)}</figcaption></figure>"
    )
