"""Where the workers of one version tell each other things, apart from those of another.

Every version reads the same events. What its workers derive from them goes to topics of its
own, so that a version that is being built changes nothing that others see.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from msgspec import structs

from schemas import topics
from streams.emitter import Outgoing, Sender
from streams.topics import TopicSpec, specs

__all__ = [
    "FIRST_TOPICS",
    "VersionSender",
    "VersionTopics",
    "user_topics",
    "version_specs",
    "version_topics",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionTopics:
    """Names of the derived topics.

    Attributes:
        shadow: Another version sends on what lies in the wrong place, and dead letters; this
            one would send them a second time.
        history: Events of all types that were brought in from files, for this version alone;
            None if there were none.
    """

    profile_updates: str = topics.PROFILE_UPDATES
    item_vectors: str = topics.ITEM_VECTORS
    personas: str = topics.PERSONAS
    persona_events: str = topics.PERSONA_EVENTS
    shadow: bool = False
    history: str | None = None

    def name_of(self, topic: str) -> str | None:
        """Where a record meant for `topic` goes; None for nowhere."""
        match topic:
            case topics.PROFILE_UPDATES:
                return self.profile_updates
            case topics.ITEM_VECTORS:
                return self.item_vectors
            case topics.PERSONAS:
                return self.personas
            case topics.PERSONA_EVENTS:
                return self.persona_events
            case _:
                return None if self.shadow else topic

    def own(self) -> tuple[str, ...]:
        """All topics that are of no other version."""
        return self.derived() if self.history is None else (*self.derived(), self.history)

    def derived(self) -> tuple[str, ...]:
        return (self.profile_updates, self.item_vectors, self.personas, self.persona_events)


FIRST_TOPICS = VersionTopics()


def version_topics(name: str, *, with_history: bool = False) -> VersionTopics:
    """Of a version that is built beside the first one.

    >>> version_topics("b").profile_updates
    'strata.version.b.profile-updates'
    """

    def named(topic: str) -> str:
        return f"strata.version.{name}.{topic.removeprefix('strata.')}"

    return VersionTopics(
        profile_updates=named(topics.PROFILE_UPDATES),
        item_vectors=named(topics.ITEM_VECTORS),
        personas=named(topics.PERSONAS),
        persona_events=named(topics.PERSONA_EVENTS),
        shadow=True,
        history=named("history") if with_history else None,
    )


def user_topics(history: str | None) -> tuple[str, ...]:
    """All topics that events of users are read from."""
    return topics.USER_TOPICS if history is None else (*topics.USER_TOPICS, history)


def version_specs(names: VersionTopics) -> tuple[TopicSpec, ...]:
    """All topics that a version's workers need; those of events are everybody's."""
    derived = dict(zip(FIRST_TOPICS.derived(), names.derived(), strict=True))
    own = [replace(spec, name=derived.get(spec.name, spec.name)) for spec in specs()]
    if names.history is not None:
        like = next(spec for spec in own if spec.name == topics.INTERACTIONS)
        own.append(replace(like, name=names.history))
    return tuple(own)


class VersionSender:
    """Sends what a version derives to its own topics."""

    def __init__(self, sender: Sender, names: VersionTopics) -> None:
        self._sender = sender
        self._names = names

    async def send(self, records: Sequence[Outgoing]) -> None:
        """As `Sender.send`."""
        named = [(self._name_of(record), record) for record in records]
        await self._sender.send(
            [
                record if topic == record.topic else structs.replace(record, topic=topic)
                for topic, record in named
                if topic is not None
            ]
        )

    def _name_of(self, record: Outgoing) -> str | None:
        if record.topic == topics.DEAD_LETTERS and record.value is None:
            # Any version may take one out, as each carries out erasures by itself.
            return record.topic
        return self._names.name_of(record.topic)
