"""Texts become unit vectors; the same text always the same one."""

import numpy as np
import pytest

from streams.embedding import EmbeddingModelMissing, HashingEmbedder, open_embedder


def test_hashed_texts_are_unit_vectors_and_repeatable() -> None:
    embedder = HashingEmbedder(32)
    vectors = embedder.embed(["sea and storm", "sea and storm", "quiet garden", ""])
    np.testing.assert_allclose(np.linalg.norm(vectors[:3], axis=1), 1.0, atol=1e-6)
    np.testing.assert_array_equal(vectors[0], vectors[1])
    assert not np.array_equal(vectors[0], vectors[2])
    assert not vectors[3].any()


@pytest.mark.parametrize("model", ["hashing:7", "hashing:x", "hashing:-1"])
def test_an_impossible_dimension_is_refused(model: str) -> None:
    with pytest.raises(EmbeddingModelMissing, match="dimension"):
        open_embedder(model)


@pytest.mark.text
def test_the_packaged_model_puts_like_beside_like() -> None:
    pytest.importorskip("sentence_transformers", reason="the `text` extra is not installed")
    embedder = open_embedder("all-MiniLM-L6-v2")
    sea, ship, bread = embedder.embed(
        ["A storm at sea", "The ship sank in the waves", "How to bake bread"]
    )
    assert embedder.dimension == 384
    assert float(sea @ ship) > float(sea @ bread) + 0.1


@pytest.mark.text
def test_a_model_that_does_not_exist_is_one_clear_error(tmp_path: object) -> None:
    pytest.importorskip("sentence_transformers", reason="the `text` extra is not installed")
    with pytest.raises(EmbeddingModelMissing, match="cannot be loaded"):
        open_embedder(f"{tmp_path}/nothing-here")
