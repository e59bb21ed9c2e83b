"""The terminal: results on stdout, everything else on stderr, and no text that steers it."""

import sys
import unicodedata
from typing import Final

from rich.console import Console
from rich.text import Text

__all__ = ["cell", "complain", "plain", "stderr", "stdout"]

# Characters that turn the order of a line around; other format characters join emoji and letters.
_BIDIRECTIONAL: Final = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
_UNPRINTABLE: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})


def stdout() -> Console:
    return Console(file=sys.stdout, highlight=False)


def stderr() -> Console:
    return Console(file=sys.stderr, highlight=False)


def plain(text: str) -> str:
    r"""The text with whatever could steer a terminal spelled out.

    >>> plain("a\x1b[31mb\n")
    'a\\x1b[31mb\\n'
    """
    return "".join(
        character.encode("unicode_escape").decode()
        if character in _BIDIRECTIONAL or unicodedata.category(character) in _UNPRINTABLE
        else character
        for character in text
    )


def cell(text: str, style: str = "") -> Text:
    """Foreign text for a table or a line: no markup, no control characters."""
    return Text(plain(text), style=style)


def complain(message: str) -> None:
    """One line on stderr."""
    sys.stderr.write(f"strata: {plain(' '.join(message.split()))}\n")
