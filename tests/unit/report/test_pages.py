"""Pages: one document as HTML, Markdown and JSON, which say the same."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest
from report_world import report

from evaluation.report.document import Bullets, Chart, Document, Heading, Paragraph, Table
from evaluation.report.html import html_of
from evaluation.report.markdown import markdown_of
from evaluation.report.results import ReportFormatError, join_reports, read_report, write_report

pytest.importorskip("matplotlib")

from evaluation.report.pages import document_of
from evaluation.report.writing import write_pages

_VOID = {"meta", "br", "hr", "img", "link"}


class Page(HTMLParser):
    """Checks nesting, and keeps what the tests ask about."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: dict[str, list[str]] = {}
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.text.setdefault(self.open[-1], []).append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def html() -> str:
    return html_of(document_of(report()))


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_every_chart_has_a_name_and_the_same_in_words(page: Page) -> None:
    charts = [svg for svg in page.all("svg") if svg.get("role") == "img"]
    assert len(charts) == len(page.all("figure")) == len(page.all("svg")) == 5
    ids = {attributes["id"] for _, attributes in page.tags if attributes.get("id")}
    for chart in charts:
        label, words = (chart["aria-labelledby"] or "").split()
        assert {label, words} <= ids
    titles, words_of = page.text["title"], page.text["desc"]
    assert all(len(one) > 10 for one in titles)
    assert all(len(one) > 40 for one in words_of)


def test_names_in_the_page_are_used_once_and_refer_to_what_is_there(html: str, page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.tags if attributes.get("id")]
    assert len(ids) == len(set(ids))
    used = set(re.findall(r"url\(#([^)]+)\)", html)) | set(re.findall(r'href="#([^"]+)"', html))
    assert used
    assert used <= set(ids)


def test_the_page_needs_nothing_else(html: str, page: Page) -> None:
    assert "://" not in html
    assert not {"script", "link", "img", "iframe", "object"} & {tag for tag, _ in page.tags}
    for _, attributes in page.tags:
        for name in ("src", "href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith("#")


def test_the_page_is_in_order_for_screen_readers(page: Page) -> None:
    assert page.all("html")[0]["lang"] == "en"
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))
    assert len(page.all("caption")) == len(page.all("table"))
    assert {one.get("scope") for one in page.all("th")} == {"col", "row"}


def test_text_from_the_data_is_text(html: str) -> None:
    assert "<b>verse" not in html
    assert "&lt;b&gt;verse&lt;/b&gt; | $x_1$" in html
    markdown = markdown_of(document_of(report()))
    assert r"\<b\>verse\</b\> \| $x\_1$" in markdown


def numbers(tree: object) -> Iterator[float]:
    if isinstance(tree, dict):
        for value in tree.values():
            yield from numbers(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from numbers(value)
    elif isinstance(tree, int | float) and not isinstance(tree, bool):
        yield tree


def test_markdown_and_html_hold_every_figure_of_the_json(page: Page) -> None:
    figures = set(numbers(msgspec.json.decode(write_report(report()))))
    assert len(figures) > 60
    markdown = markdown_of(document_of(report()))
    shown = set(re.findall(r"-?\d[\d,]*(?:\.\d+)?", markdown))
    said = " ".join(text for texts in page.text.values() for text in texts)
    shown_in_html = set(re.findall(r"-?\d[\d,]*(?:\.\d+)?", said))
    for figure in figures:
        forms = {f"{figure:.4f}", f"{figure:,.0f}" if figure == int(figure) else f"{figure:g}"}
        assert forms & shown, figure
        assert forms & shown_in_html, figure


def test_equal_results_give_equal_bytes(html: str) -> None:
    assert html_of(document_of(report())) == html


def test_results_survive_being_written_and_read() -> None:
    assert read_report(write_report(report())) == report()
    with pytest.raises(ReportFormatError):
        read_report(b'{"sets": []}')
    with pytest.raises(ReportFormatError):
        read_report(b"no json")


def test_reports_of_different_sets_are_joined() -> None:
    one, other = report("one"), report("other")
    assert [found.name for found in join_reports([one, other]).sets] == ["one", "other"]
    with pytest.raises(ReportFormatError, match="two of the reports"):
        join_reports([one, one])
    with pytest.raises(ReportFormatError, match="different settings"):
        join_reports([one, msgspec.structs.replace(other, seed=1)])


def test_files_of_charts_are_where_the_markdown_says(tmp_path: Path) -> None:
    written = write_pages(report(), tmp_path / "new" / "folder")
    markdown = written.markdown.read_text(encoding="utf-8")
    named = re.findall(r"\]\((charts/[a-z0-9-]+\.svg)\)", markdown)
    assert [written.markdown.parent / one for one in named] == list(written.charts)
    for chart in written.charts:
        root = ET.fromstring(chart.read_bytes())  # noqa: S314 - our own drawing
        assert root.tag.endswith("svg")
    assert read_report(written.results.read_bytes()) == report()


def test_without_data_there_is_still_a_page() -> None:
    empty = msgspec.structs.replace(report(), sets=())
    assert Page(html_of(document_of(empty))).all("table")


def test_markdown_tables_are_as_wide_as_their_heads() -> None:
    lines = markdown_of(document_of(report())).splitlines()
    bars = [len(re.findall(r"(?<!\\)\|", line)) for line in lines]
    rows = [row for row, line in enumerate(lines) if line.startswith("|")]
    assert len(rows) > 30
    assert all(bars[row] == bars[row - 1] for row in rows if row - 1 in rows)


def test_blocks_have_one_form_each() -> None:
    drawing = '<?xml version="1.0"?><svg xmlns="s"><path id="a"/><use href="#a"/></svg>'
    document = Document(
        "T & U",
        (
            Heading(2, "H <1>"),
            Paragraph("a_b"),
            Bullets(("x", "y")),
            Table("C", ("h", "i"), [("1", "2")]),
            Chart("c", "Title", "Words", drawing),
        ),
    )
    assert markdown_of(document) == (
        "# T & U\n\n## H \\<1\\>\n\na\\_b\n\n- x\n- y\n\n**C**\n\n| h | i |\n| --- | --- |\n"
        "| 1 | 2 |\n\n![Title. Words](charts/c.svg)\n"
    )
    assert (
        '<svg role="img" aria-labelledby="c-title c-words"><title id="c-title">Title</title>'
        '<desc id="c-words">Words</desc><path id="c-a"/><use href="#c-a"/></svg>'
    ) in html_of(document)
