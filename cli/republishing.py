"""Sending the content of a dead letter back to where it came from."""

import time
from pathlib import Path

from cli.errors import CommandFailed
from cli.event_files import OutgoingEvent
from cli.letters import Letter
from schemas.fast import decode
from schemas.keys import event_key
from schemas.limits import DEFAULT_LIMITS
from schemas.rejection import Rejection
from schemas.topics import TOPIC_OF

__all__ = ["WouldBeRefused", "corrected_value", "republished"]


class WouldBeRefused(CommandFailed):
    """A letter as it is would only be refused again.

    Attributes:
        why: The reason, without advice.
    """

    def __init__(self, why: str, advice: str) -> None:
        super().__init__(f"{why}{advice}")
        self.why = why


def corrected_value(path: Path) -> bytes:
    """The whole content of a file as a record's value, without line ends around it.

    Raises:
        CommandFailed: it cannot be read, or is larger than a record may be.
    """
    try:
        with path.open("rb") as file:
            value = file.read(DEFAULT_LIMITS.max_record_bytes + 2).strip(b"\r\n")
    except OSError as error:
        raise CommandFailed(f"{path} cannot be read: {error.strerror}") from error
    if len(value) > DEFAULT_LIMITS.max_record_bytes:
        raise CommandFailed(f"{path} is larger than {DEFAULT_LIMITS.max_record_bytes} bytes")
    return value


def republished(letter: Letter, *, value: bytes | None, key_of_event: bool) -> OutgoingEvent:
    """What to send for a letter, checked as the gate will check it.

    Args:
        value: A corrected one; None for the bytes as they came.
        key_of_event: Key it by the event's user or item instead of the original key.

    Raises:
        WouldBeRefused: it was cut, or would be refused again; says why.
    """
    position = letter.position
    if value is None and letter.is_cut:
        raise WouldBeRefused(
            f"of {position} only {letter.kept:,} of {letter.length:,} bytes were kept",
            ": give the whole value with --value-from",
        )
    raw = letter.raw if value is None else value
    event = decode(raw, received_ms=time.time_ns() // 1_000_000)
    if isinstance(event, Rejection):
        raise WouldBeRefused(
            f"{position} would be refused again: {event.reason.value}: {event.detail}",
            "; give a corrected value with --value-from",
        )
    if TOPIC_OF[event.type] != position.topic:
        raise WouldBeRefused(
            f"{position} would be refused again: {event.type} events belong to "
            f"{TOPIC_OF[event.type]}",
            "; send it with `strata publish`",
        )
    key = event_key(event) if key_of_event else letter.key
    if key != event_key(event):
        was = "had no key" if letter.key is None else "had a key that is not the event's"
        raise WouldBeRefused(
            f"{position} would be refused again: it {was}",
            "; --key-of-event gives it the right one",
        )
    return OutgoingEvent(position.topic, event_key(event), raw, event)
