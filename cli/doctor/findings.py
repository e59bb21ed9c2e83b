"""What an examination finds."""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Finding", "Verdict", "note", "right", "wrong"]


class Verdict(StrEnum):
    """`wrong` needs somebody to do something; `note` is worth knowing."""

    OK = "ok"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was examined.

    Attributes:
        about: What, e.g. "Kafka".
        advice: What to do; empty where nothing is.
    """

    verdict: Verdict
    about: str
    found: str
    advice: str = ""


def right(about: str, found: str) -> Finding:
    return Finding(verdict=Verdict.OK, about=about, found=found)


def note(about: str, found: str, advice: str = "") -> Finding:
    return Finding(verdict=Verdict.NOTE, about=about, found=found, advice=advice)


def wrong(about: str, found: str, advice: str) -> Finding:
    return Finding(verdict=Verdict.WRONG, about=about, found=found, advice=advice)
