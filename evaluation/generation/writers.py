"""Writers: whatever writes a text for a brief."""

import os
from collections.abc import Sequence
from typing import Final, Protocol

from evaluation.errors import WriterUnavailable
from evaluation.generation.contexts import Brief
from evaluation.generation.extractive import ExtractiveWriter
from evaluation.generation.openai import OpenAIWriter
from evaluation.generation.pipeline import PipelineWriter

__all__ = ["KEY_VARIABLE", "Writer", "open_writer"]

KEY_VARIABLE: Final = "GENERATOR_API_KEY"
_PIPELINE: Final = "hf:"


class Writer(Protocol):
    """Writes texts; equal briefs should get equal ones.

    Every call may raise `WriterUnavailable`.
    """

    @property
    def name(self) -> str:
        """For the report."""
        ...

    def write(self, briefs: Sequence[Brief]) -> list[str]:
        """One text for each brief, in their order."""
        ...

    def close(self) -> None: ...


def open_writer(named: str, *, model: str | None = None, seed: int = 0) -> Writer:
    """The writer that an option names.

    Args:
        named: `extractive`, an OpenAI-compatible address (`http://…/v1`), or `hf:MODEL`.
        model: Which of the address' models; its key is in the environment, `GENERATOR_API_KEY`.

    Raises:
        WriterUnavailable: there is none of that name, or it cannot be opened.
    """
    if named == ExtractiveWriter.name:
        return ExtractiveWriter()
    if named.startswith(("http://", "https://")):
        if model is None:
            raise WriterUnavailable("an address needs the name of a model as well")
        return OpenAIWriter(named, model=model, key=os.environ.get(KEY_VARIABLE), seed=seed)
    if named.startswith(_PIPELINE):
        return PipelineWriter(named.removeprefix(_PIPELINE))
    raise WriterUnavailable(f"no generator {named!r}: extractive, an http address, or hf:MODEL")
