"""Models for the tasks, with the parts that do I/O plugged in."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from evaluation.choices import StreamedChoices
from evaluation.nextitem import StreamedPredictor
from evaluation.texts import TextVectors, default_folder
from profiles.choices.learner import ChoiceLearner
from profiles.nextitem.learner import NextItemLearner
from profiles.nextitem.settings import Settings
from profiles.policy import DEFAULT_POLICY
from profiles.ports import Vector
from profiles.queries import ChoicePredictor
from schemas.decoded import Item
from streams.embedding import DEFAULT_MODEL, open_embedder

__all__ = ["Options", "choice_predictor", "item_vectors", "next_item_predictor"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How an evaluation is run; the defaults are the configuration that is measured.

    Attributes:
        embedding_model: As `STRATA_EMBEDDING_MODEL`.
        seed: Of everything random.
        next_item: Sizes and rates of the next-item models.
        vectors_folder: Where text vectors are kept between runs.
    """

    embedding_model: str = DEFAULT_MODEL
    seed: int = 0
    next_item: Settings = field(default_factory=Settings)
    vectors_folder: Path = field(default_factory=default_folder)


def choice_predictor() -> ChoicePredictor:
    """The model of signed choices and pairs; it has one configuration and reads no vectors."""
    return StreamedChoices(ChoiceLearner(policy=DEFAULT_POLICY), policy=DEFAULT_POLICY)


def next_item_predictor(known: Sequence[Item], options: Options) -> StreamedPredictor:
    """The next-item model; the texts of `known` are embedded at once.

    Raises:
        EmbeddingModelMissing: the text model is not installed.
    """
    learner = NextItemLearner(policy=DEFAULT_POLICY, settings=options.next_item, seed=options.seed)
    vectors = _text_vectors(known, options)
    return StreamedPredictor(learner, vectors.of, policy=DEFAULT_POLICY)


def item_vectors(known: Sequence[Item], options: Options) -> list[Vector | None]:
    """The text vector of each item, None where there is no text.

    Raises:
        EmbeddingModelMissing: the text model is not installed.
    """
    vectors = _text_vectors(known, options)
    return [vectors.of(item) for item in known]


def _text_vectors(known: Sequence[Item], options: Options) -> TextVectors:
    model = options.embedding_model
    vectors = TextVectors(lambda: open_embedder(model), model, folder=options.vectors_folder)
    vectors.prepare(known)
    return vectors
