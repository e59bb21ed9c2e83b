"""The files of a report."""

from dataclasses import dataclass
from pathlib import Path

from evaluation.report.document import Chart
from evaluation.report.html import html_of
from evaluation.report.markdown import CHARTS, markdown_of
from evaluation.report.pages import document_of
from evaluation.report.results import Report, write_report

__all__ = ["Written", "write_pages"]


@dataclass(frozen=True, slots=True)
class Written:
    """Where the parts of a report are."""

    html: Path
    markdown: Path
    results: Path
    charts: tuple[Path, ...]


def write_pages(report: Report, folder: Path) -> Written:
    """Write report.html (by itself), report.md with charts/, and report.json.

    Args:
        folder: Created if need be; files of these names are replaced.

    Raises:
        OSError: they cannot be written.
    """
    document = document_of(report)
    charts = [block for block in document.blocks if isinstance(block, Chart)]
    (folder / CHARTS).mkdir(parents=True, exist_ok=True)
    written = Written(
        folder / "report.html",
        folder / "report.md",
        folder / "report.json",
        tuple(folder / CHARTS / f"{chart.name}.svg" for chart in charts),
    )
    written.html.write_text(html_of(document), encoding="utf-8", newline="\n")
    written.markdown.write_text(markdown_of(document), encoding="utf-8", newline="\n")
    written.results.write_bytes(write_report(report))
    for path, chart in zip(written.charts, charts, strict=True):
        path.write_text(chart.svg, encoding="utf-8", newline="\n")
    return written
