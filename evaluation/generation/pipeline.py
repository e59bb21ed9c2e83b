"""A writer on this machine: a Hugging Face pipeline for text generation."""

from collections.abc import Sequence
from typing import Any, Final

from evaluation.errors import WriterUnavailable
from evaluation.generation.contexts import Brief
from evaluation.generation.prompts import SYSTEM, answer_of, prompt_of

__all__ = ["PipelineWriter"]

_MOST_TOKENS: Final = 80
_BATCH: Final = 16


class PipelineWriter:
    """Greedy decoding, so equal briefs get equal texts.

    Args:
        model: A directory, or a name that `transformers` can resolve. One with a chat template is
            asked by it; any other continues the prompt.

    Raises:
        WriterUnavailable: the extra is not installed, or there is no such model.
    """

    def __init__(self, model: str) -> None:
        try:
            from transformers import pipeline  # noqa: PLC0415 - gigabytes
        except ImportError as error:
            raise WriterUnavailable(
                "a local model needs the `generation` extra: "
                "pip install 'strata-profiles[generation]'"
            ) from error
        try:
            # Its type knows every backend, and says that there may be no tokenizer.
            self._pipeline: Any = pipeline("text-generation", model=model)
        except (OSError, ValueError) as error:
            raise WriterUnavailable(f"model {model!r} cannot be loaded: {error}") from error
        self.name = f"hf:{model}"
        tokenizer: Any = self._pipeline.tokenizer
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token
        # What is cut off of a long prompt is its beginning; the task stands at its end.
        tokenizer.padding_side = tokenizer.truncation_side = "left"

    def write(self, briefs: Sequence[Brief]) -> list[str]:
        answers = self._pipeline(
            [self._prompt(brief) for brief in briefs],
            max_new_tokens=_MOST_TOKENS,
            do_sample=False,
            return_full_text=False,
            truncation=True,
            batch_size=_BATCH,
        )
        return [answer_of(str(answer[0]["generated_text"])) for answer in answers]

    def close(self) -> None:
        """Nothing is held open."""

    def _prompt(self, brief: Brief) -> str:
        asked = prompt_of(brief)
        tokenizer = self._pipeline.tokenizer
        if tokenizer.chat_template is None:
            return f"{SYSTEM}\n\n{asked}\nWritten:"
        return str(
            tokenizer.apply_chat_template(
                [{"role": "system", "content": SYSTEM}, {"role": "user", "content": asked}],
                tokenize=False,
                add_generation_prompt=True,
            )
        )
