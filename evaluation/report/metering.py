"""What answers and learning cost, measured while an evaluation runs."""

import time
from array import array
from collections.abc import Callable, Mapping
from typing import Generic

from evaluation.protocol import AnswerT, Predictor, QueryT
from profiles.queries import Level
from schemas.decoded import FastEvent

__all__ = ["Meter", "Metered"]


class Meter:
    """Times of one run.

    Attributes:
        answers_ns: One per prediction, in order; all levels are answered at once.
        learned: Events learned one by one, and how long that took.
        fit_ns: The fit on the known population.
        model: The predictor that was measured; None before a run.
    """

    def __init__(self, clock_ns: Callable[[], int] = time.perf_counter_ns) -> None:
        self.clock_ns = clock_ns
        self.answers_ns = array("q")
        self.learned = 0
        self.learn_ns = 0
        self.fit_ns = 0
        self.model: object | None = None

    @property
    def events_per_second(self) -> float | None:
        """Events learned per second of learning; None before the first."""
        return self.learned / (self.learn_ns / 1e9) if self.learn_ns else None


class Metered(Generic[QueryT, AnswerT]):
    """A predictor whose calls are timed; answers are what the predictor answers."""

    def __init__(self, predictor: Predictor[QueryT, AnswerT], meter: Meter) -> None:
        self._predictor = predictor
        self._meter = meter
        meter.model = predictor

    def predict(self, query: QueryT) -> Mapping[Level, AnswerT]:
        started_ns = self._meter.clock_ns()
        answers = self._predictor.predict(query)
        self._meter.answers_ns.append(self._meter.clock_ns() - started_ns)
        return answers

    def learn(self, event: FastEvent) -> None:
        started_ns = self._meter.clock_ns()
        self._predictor.learn(event)
        self._meter.learn_ns += self._meter.clock_ns() - started_ns
        self._meter.learned += 1

    def end_warm(self) -> None:
        started_ns = self._meter.clock_ns()
        self._predictor.end_warm()
        self._meter.fit_ns += self._meter.clock_ns() - started_ns
