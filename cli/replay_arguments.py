"""What `--topics`, `--from` and `--until` say."""

from typing import Final

from cli.errors import WrongUse
from schemas.instants import instant_ms
from schemas.topics import USER_TOPICS
from streams.ownership import Place
from streams.replay import EARLIEST, Moment

__all__ = ["moment_of", "topics_of"]

_PREFIX: Final = "strata."


def topics_of(text: str | None) -> tuple[str, ...]:
    """Topics by name, with or without what all of them begin with; all of them for None.

    >>> topics_of("interactions,strata.documents")
    ('strata.interactions', 'strata.documents')

    Raises:
        WrongUse: there is no such topic of events.
    """
    if text is None:
        return USER_TOPICS
    return tuple(_topic(name.strip(), option="--topics") for name in text.split(","))


def moment_of(text: str, *, option: str) -> Moment:
    """`earliest`, an RFC 3339 time, or offsets.

    >>> moment_of("interactions:0=120,interactions:1=99", option="--from").offsets
    {('strata.interactions', 0): 120, ('strata.interactions', 1): 99}

    Raises:
        WrongUse: it is none of them.
    """
    if text == "earliest":
        return EARLIEST
    if "=" in text:
        return Moment(
            offsets=dict(_offset(part.strip(), option=option) for part in text.split(","))
        )
    moment_ms = instant_ms(text)
    if moment_ms is None:
        raise WrongUse(
            f"{option} {text}: neither an RFC 3339 time, as 2025-03-01T12:00:00Z, nor offsets, "
            "as interactions:0=120"
        )
    return Moment(time_ms=moment_ms)


def _offset(text: str, *, option: str) -> tuple[Place, int]:
    place, _, offset = text.partition("=")
    topic, _, partition = place.rpartition(":")
    if not (partition.isascii() and partition.isdigit() and offset.isascii() and offset.isdigit()):
        raise WrongUse(f"{option} {text}: an offset is TOPIC:PARTITION=NUMBER")
    return (_topic(topic, option=option), int(partition)), int(offset)


def _topic(name: str, *, option: str) -> str:
    topic = name if name.startswith(_PREFIX) else _PREFIX + name
    if topic not in USER_TOPICS:
        known = ", ".join(one.removeprefix(_PREFIX) for one in USER_TOPICS)
        raise WrongUse(f"{option}: there is no topic of events {name!r}; there are {known}")
    return topic
