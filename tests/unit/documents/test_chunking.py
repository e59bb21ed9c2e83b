"""Texts of any script and shape become passages within the budget, losing nothing but blanks."""

import time
import unicodedata

import pytest
from documents_world import document
from hypothesis import given, settings
from hypothesis import strategies as st

from profiles.documents.chunking import Cut, cut_text, estimated_tokens
from profiles.documents.passages import document_passages

TINY = Cut(least_tokens=3, most_tokens=6)
SMALL = Cut(least_tokens=4, most_tokens=8, most_passages=10_000)


def test_passages_end_at_sentences_and_paragraphs() -> None:
    text = "Hops are bitter. Malt is sweet.\n\nWater is wet. It matters a lot."
    pieces = [piece.text for piece in cut_text(text, TINY).pieces]
    assert pieces == ["Hops are bitter.", "Malt is sweet.", "Water is wet.", "It matters a lot."]


@settings(deadline=None)
@given(st.text() | st.text("ab \n.é日😀", max_size=300))
def test_pieces_keep_the_budget_their_places_and_every_letter(text: str) -> None:
    cutting = cut_text(text, SMALL)
    assert cutting.whole
    clean = "".join(
        letter
        for letter in text.replace("\r\n", "\n")
        if letter in "\n\t" or unicodedata.category(letter) not in {"Cc", "Cs", "Cn", "Co"}
    )
    reached = 0
    left_out = ""
    for piece in cutting.pieces:
        assert piece.text.strip()
        # A grapheme of many marks cannot be divided; nothing else exceeds the budget.
        assert estimated_tokens(piece.text) <= 8 or len(piece.text) < 100
        assert clean[piece.start : piece.start + len(piece.text)] == piece.text
        left_out += clean[reached : piece.start]
        reached = piece.start + len(piece.text)
    assert (left_out + clean[reached:]).strip() == ""


def test_control_characters_do_not_come_through() -> None:
    (piece,) = cut_text("be\x00er \x1b[31mred\x7f").pieces
    assert piece.text == "beer [31mred"


@pytest.mark.parametrize(
    "text",
    ["a" * 1_000_000, "สวัสดีครับ" * 30_000, "é" * 500_000, "\n" * 1_000_000, "word " * 200_000],
    ids=["no break", "thai", "accents", "blank", "words"],
)
def test_a_million_letters_take_seconds_whatever_they_are(text: str) -> None:
    started = time.monotonic()
    cutting = cut_text(text)
    assert time.monotonic() - started < 20
    assert len(cutting.pieces) <= 256
    assert cutting.whole == (text.strip() == "")
    assert all(estimated_tokens(piece.text) <= 180 for piece in cutting.pieces)


@pytest.mark.parametrize(("least", "most", "passages"), [(0, 5, 1), (6, 5, 1), (1, 5, 0)])
def test_a_cut_that_makes_no_sense_is_refused(least: int, most: int, passages: int) -> None:
    with pytest.raises(ValueError, match="least_tokens"):
        Cut(least_tokens=least, most_tokens=most, most_passages=passages)


def test_a_document_without_text_has_a_head_and_nothing_to_find() -> None:
    (head,), whole = document_passages(document("ann", "d", " \n", title="Empty"), b"key")
    assert (head.index, head.text, whole) == (0, "", True)
