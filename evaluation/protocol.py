"""The protocol: warm, then predict each test event before it is applied.

"Before" means in protocol order (`evaluation.reading.in_protocol_order`), whatever the
timestamps. One loop serves every task; a task says what is asked and how an answer is scored.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from profiles.queries import Level
from schemas.decoded import FastEvent

__all__ = ["BUCKETS", "Bucket", "Predictor", "Scored", "Task", "bucket_of", "run_protocol"]

QueryT = TypeVar("QueryT")
AnswerT = TypeVar("AnswerT")
QueryT_co = TypeVar("QueryT_co", covariant=True)
AnswerT_contra = TypeVar("AnswerT_contra", contravariant=True)
QueryT_contra = TypeVar("QueryT_contra", contravariant=True)
AnswerT_co = TypeVar("AnswerT_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Bucket:
    """Lengths of history from `first` to `last`, both included; no `last` means open."""

    first: int
    last: int | None


BUCKETS: Final = (Bucket(0, 0), Bucket(1, 4), Bucket(5, 19), Bucket(20, 99), Bucket(100, None))


def bucket_of(history: int) -> int:
    """Index in `BUCKETS` of a length of history, ≥ 0.

    >>> [bucket_of(n) for n in (0, 1, 4, 5, 19, 20, 99, 100)]
    [0, 1, 1, 2, 2, 3, 3, 4]
    """
    return next(
        index
        for index, bucket in enumerate(BUCKETS)
        if bucket.last is None or history <= bucket.last
    )


@dataclass(frozen=True, slots=True)
class Scored:
    """One predicted event.

    Attributes:
        history: What the task counts as the user's history before this event.
        figures: For each level, each metric's figure in [0, 1].
        shown: For each level, what `--predictions` shows: item ids, best first, or a score.
    """

    event_id: str
    user_id: str
    history: int
    figures: Mapping[Level, Mapping[str, float]]
    shown: Mapping[Level, tuple[str, ...] | float]


class Predictor(Protocol[QueryT_contra, AnswerT_co]):
    """What `profiles.queries.ChoicePredictor` and `NextItemPredictor` promise."""

    def predict(self, query: QueryT_contra) -> Mapping[Level, AnswerT_co]: ...

    def learn(self, event: FastEvent) -> None: ...

    def end_warm(self) -> None: ...


class Task(Protocol[QueryT_co, AnswerT_contra]):
    """Which events are predicted, and how an answer is scored.

    It sees every event once, in protocol order, through `note`, and keeps histories from it.
    """

    def ask(self, event: FastEvent) -> QueryT_co | None:
        """The query whose answer the event is; None if it is not predicted."""
        ...

    def score(self, event: FastEvent, answers: Mapping[Level, AnswerT_contra]) -> Scored:
        """Compare answers given before the event with the event.

        Raises:
            NotAnAnswer: a score is not finite where it has to be.
        """
        ...

    def note(self, event: FastEvent) -> None:
        """The event has happened."""
        ...


def run_protocol(
    task: Task[QueryT, AnswerT],
    predictor: Predictor[QueryT, AnswerT],
    *,
    items: Iterable[FastEvent],
    warm: Iterable[FastEvent],
    test: Iterable[FastEvent],
    advance: Callable[[], None] = lambda: None,
) -> Iterator[Scored]:
    """Yield each prediction of the test, scored, before its event is applied.

    Args:
        items, warm, test: Each in protocol order.
        advance: Called once per event of any of the three.
    """

    def apply(event: FastEvent) -> None:
        predictor.learn(event)
        task.note(event)
        advance()

    for event in items:
        apply(event)
    for event in warm:
        apply(event)
    predictor.end_warm()
    for event in test:
        query = task.ask(event)
        if query is not None:
            yield task.score(event, predictor.predict(query))
        apply(event)
