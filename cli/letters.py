"""Dead letters: reading the topic, and sending one back to where it came from."""

import base64
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from cli.errors import CommandFailed, WrongUse
from cli.kafka_access import admin_opened, consumer_opened, places_of
from schemas import topics
from schemas.instants import rfc3339
from schemas.letters import Headers, letter_key, original_key, position_of

__all__ = ["Letter", "NoLettersYet", "Position", "find_letter", "parse_position", "read_letters"]

_SHORTENED: Final = "strata."


class NoLettersYet(CommandFailed):
    """The topic of dead letters does not exist: no worker has run yet."""


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Where the refused record lies: what identifies a dead letter.

    Written `interactions/3/1042`: topic without `strata.`, partition, offset.
    """

    topic: str
    partition: int
    offset: int

    @property
    def key(self) -> bytes:
        """Of the letter, in its topic."""
        return letter_key(self.topic, self.partition, self.offset)

    def __str__(self) -> str:
        return f"{self.topic.removeprefix(_SHORTENED)}/{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A refused record as it was kept.

    Attributes:
        received_ms: Broker time of the record.
        key: The record's; None if it had none.
        raw: Its value, cut at 256 KiB; empty where it was not asked for.
        kept: Bytes of the value that were kept.
        length: Bytes that it really had.
        sha256: Of the whole value, in hexadecimal digits.
    """

    position: Position
    reason: str
    detail: str
    received_ms: int
    key: bytes | None
    raw: bytes
    kept: int
    length: int
    sha256: str

    @property
    def is_cut(self) -> bool:
        return self.kept < self.length

    def as_json(self) -> dict[str, object]:
        """For programs; bytes in base64, because they need not be text."""
        return {
            "position": str(self.position),
            "topic": self.position.topic,
            "partition": self.position.partition,
            "offset": self.position.offset,
            "reason": self.reason,
            "detail": self.detail,
            "received_at": rfc3339(self.received_ms),
            "key_base64": None if self.key is None else base64.b64encode(self.key).decode(),
            "length": self.length,
            "sha256": self.sha256,
            "cut": self.is_cut,
            "raw_base64": base64.b64encode(self.raw).decode(),
        }


def parse_position(text: str) -> Position:
    """A position from `interactions/3/1042` or `strata.interactions/3/1042`.

    Raises:
        WrongUse: it is none.
    """
    topic, _, rest = text.partition("/")
    partition, _, offset = rest.partition("/")
    if not (topic and partition.isdecimal() and offset.isdecimal()):
        raise WrongUse(f"{text!r} is no position, such as interactions/3/1042")
    name = topic if topic.startswith(_SHORTENED) else f"{_SHORTENED}{topic}"
    return Position(name, int(partition), int(offset))


async def read_letters(bootstrap: str, *, raw_of: Callable[[Position], bool]) -> list[Letter]:
    """All dead letters, each once however often it was written, oldest first.

    Those that were taken out, as their users were erased, are not among them.

    Args:
        raw_of: Whether the bytes of a letter are wanted; all of them may be too many to hold.

    Raises:
        CommandFailed: Kafka cannot be reached, or has no such topic.
    """
    async with admin_opened(bootstrap) as admin:
        places = await places_of(admin, [topics.DEAD_LETTERS])
    if not places:
        raise NoLettersYet(f"topic {topics.DEAD_LETTERS} does not exist: no worker has run yet")
    async with consumer_opened(bootstrap) as consumer:
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends = await consumer.end_offsets(places)
        letters: dict[bytes, Letter] = {}
        while any([await consumer.position(place) < ends[place] for place in places]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                for record in records:
                    if record.value is None:
                        letters.pop(position_of(record.key, record.headers) or b"", None)
                        continue
                    letter = _letter(record.key, record.value, record.headers)
                    if letter is not None:
                        if not raw_of(letter.position):
                            letter = replace(letter, raw=b"")
                        letters[letter.position.key] = letter
    return sorted(letters.values(), key=lambda letter: (letter.received_ms, letter.position))


def _letter(key: bytes | None, value: bytes, headed: Headers) -> Letter | None:
    """None for a record that no gate of ours wrote."""
    headers = dict(headed)
    with suppress(KeyError, ValueError):
        return Letter(
            position=Position(
                headers["strata-topic"].decode(),
                int(headers["strata-partition"]),
                int(headers["strata-offset"]),
            ),
            reason=headers["strata-reason"].decode(),
            detail=headers["strata-detail"].decode(),
            received_ms=int(headers["strata-received-ms"]),
            key=original_key(key, headed),
            raw=value,
            kept=len(value),
            length=int(headers["strata-length"]),
            sha256=headers["strata-sha256"].decode(),
        )
    return None


def find_letter(letters: Sequence[Letter], position: Position) -> Letter:
    """The letter of a position.

    Raises:
        CommandFailed: there is none.
    """
    for letter in letters:
        if letter.position == position:
            return letter
    raise CommandFailed(f"there is no dead letter of {position}")
