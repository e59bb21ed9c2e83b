from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from evaluation_world import item

from evaluation.texts import TextVectors
from schemas.decoded import Item
from streams.embedding import HashingEmbedder


class _Counting(HashingEmbedder):
    def __init__(self) -> None:
        super().__init__(16)
        self.asked: list[list[str]] = []

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.asked.append(list(texts))
        return super().embed(texts)


def test_a_text_is_embedded_once_and_read_back_bit_for_bit(tmp_path: Path) -> None:
    model = _Counting()
    first = TextVectors(lambda: model, "m", folder=tmp_path)
    first.prepare([item("a"), item("b"), item("a")])
    again = TextVectors(lambda: model, "m", folder=tmp_path)
    again.prepare([item("b")])
    assert model.asked == [["text of a", "text of b"]]
    computed, read = first.of(item("a")), again.of(item("a"))
    assert computed is not None
    assert read is not None
    assert computed.tobytes() == read.tobytes()


def test_models_do_not_share_vectors(tmp_path: Path) -> None:
    model = _Counting()
    for name in ("m", "n"):
        TextVectors(lambda: model, name, folder=tmp_path).prepare([item("a")])
    assert len(model.asked) == 2


def test_an_item_without_text_has_no_vector(tmp_path: Path) -> None:
    vectors = TextVectors(_Counting, "m", folder=tmp_path)
    assert vectors.of(Item("default", "e", 0, "i", "")) is None


def test_the_title_is_part_of_the_text(tmp_path: Path) -> None:
    model = _Counting()
    vectors = TextVectors(lambda: model, "m", folder=tmp_path)
    vectors.of(Item("default", "e", 0, "i", "Old wood.", title="Red door"))
    assert model.asked == [["Red door. Old wood."]]
