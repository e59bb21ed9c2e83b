import json
import time

import pytest

from cli.errors import CommandFailed, WrongUse
from cli.letter_views import spelled_out
from cli.letters import Letter, Position, parse_position
from cli.republishing import republished
from schemas import topics

PLACE = Position(topics.INTERACTIONS, 3, 1042)
VIEW = json.dumps(
    {
        "event_id": "e1",
        "type": "interaction",
        "occurred_at": time.time() - 60,
        "user_id": "ada",
        "item_id": "moby",
        "action": "view",
    }
).encode()


def letter(raw: bytes = VIEW, *, key: bytes | None = b"ada", length: int | None = None) -> Letter:
    return Letter(
        position=PLACE,
        reason="time-out-of-range",
        detail="occurred_at lies more than a day ahead",
        received_ms=0,
        key=key,
        raw=raw,
        kept=len(raw),
        length=len(raw) if length is None else length,
        sha256="0" * 64,
    )


def test_a_position_reads_as_it_is_written() -> None:
    assert str(PLACE) == "interactions/3/1042"
    assert parse_position("interactions/3/1042") == PLACE
    assert parse_position("strata.interactions/3/1042") == PLACE


@pytest.mark.parametrize("text", ["", "interactions", "interactions/3", "a/b/c", "a/1/2/3", "/1/2"])
def test_other_text_is_no_position(text: str) -> None:
    with pytest.raises(WrongUse):
        parse_position(text)


def test_a_record_that_is_fine_by_now_goes_back_as_it_came() -> None:
    event = republished(letter(), value=None, key_of_event=False)
    assert (event.topic, event.key, event.value) == (topics.INTERACTIONS, b"ada", VIEW)


def test_a_cut_record_is_not_sent() -> None:
    with pytest.raises(CommandFailed, match=f"only {len(VIEW)} of 999 bytes"):
        republished(letter(length=999), value=None, key_of_event=False)


def test_a_cut_record_can_be_given_whole() -> None:
    event = republished(letter(b"{", length=999), value=VIEW, key_of_event=False)
    assert event.value == VIEW


def test_what_would_be_refused_again_is_not_sent() -> None:
    with pytest.raises(CommandFailed, match="would be refused again: not-json"):
        republished(letter(b"nonsense"), value=None, key_of_event=False)


def test_an_event_for_another_topic_is_not_sent() -> None:
    item = json.dumps(
        {"event_id": "i", "type": "item", "occurred_at": 1, "item_id": "ada", "text": "t"}
    ).encode()
    with pytest.raises(CommandFailed, match=r"belong to strata\.items"):
        republished(letter(item), value=None, key_of_event=False)


@pytest.mark.parametrize("key", [None, b"bob"])
def test_a_key_that_was_wrong_must_be_replaced_on_purpose(key: bytes | None) -> None:
    with pytest.raises(CommandFailed, match="--key-of-event"):
        republished(letter(key=key), value=None, key_of_event=False)
    assert republished(letter(key=key), value=None, key_of_event=True).key == b"ada"


def test_json_keeps_the_bytes() -> None:
    row = letter(b"\xff\x00", key=None).as_json()
    assert (row["raw_base64"], row["key_base64"], row["position"]) == (
        "/wA=",
        None,
        "interactions/3/1042",
    )


@pytest.mark.parametrize("steering", ["\x1b", "\x07", "\r", "\x9b", "\u202e", "\u2028", "\x7f"])
def test_nothing_that_steers_a_terminal_is_shown_as_it_is(steering: str) -> None:
    assert steering not in spelled_out(f"a{steering}b".encode())
    assert spelled_out("žluťoučký 🐎".encode()) == "žluťoučký 🐎"
