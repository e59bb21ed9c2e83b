"""Figures as every page shows them."""

from typing import Final

from evaluation.report.results import Band, Point

__all__ = [
    "ABSENT",
    "band_text",
    "count_text",
    "maybe_text",
    "number_text",
    "span_text",
    "whole_text",
]

ABSENT: Final = "none"


def span_text(point: Point) -> str:
    if point.last is None:
        return f"{point.first:,}+"
    return f"{point.first:,}" if point.first == point.last else f"{point.first:,} to {point.last:,}"


def band_text(band: Band) -> str:
    return f"{number_text(band.mean)} ({number_text(band.low)} to {number_text(band.high)})"


def number_text(number: float) -> str:
    return f"{number:.4f}"


def maybe_text(number: float | None) -> str:
    return ABSENT if number is None else number_text(number)


def count_text(number: int) -> str:
    return f"{number:,}"


def whole_text(number: float) -> str:
    return f"{number:,.0f}"
