"""A writer behind an OpenAI-compatible address: vLLM, llama.cpp, Ollama, or a service.

`POST {address}/chat/completions` with temperature 0 and a seed. Addresses that do not answer, that
are busy (408, 409, 429) or broken (5xx) are asked again a few times, with pauses that grow and,
where the answer names one (`Retry-After`, in seconds), at least that long.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import httpx
from pydantic import BaseModel, Field, ValidationError
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from evaluation.errors import WriterUnavailable
from evaluation.generation.contexts import Brief
from evaluation.generation.prompts import SYSTEM, answer_of, prompt_of

__all__ = ["OpenAIWriter"]

_BUSY: Final = frozenset({408, 409, 429})
_TIMEOUT: Final = httpx.Timeout(120.0, connect=10.0)
_MOST_TOKENS: Final = 80
_LONGEST_PAUSE_S: Final = 60.0


class _Message(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Message


class _Completion(BaseModel):
    choices: list[_Choice] = Field(min_length=1)


class _Again(Exception):
    """The address may answer later."""

    def __init__(self, reason: str, *, after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.after_s = after_s


class OpenAIWriter:
    """Errors: `WriterUnavailable`, after the last attempt or where asking again is no use.

    Args:
        address: With its path, such as `http://127.0.0.1:8000/v1`.
        attempts: For each text, ≥ 1.
        pause_s: About how long the first pause is; later ones double.
    """

    def __init__(
        self,
        address: str,
        *,
        model: str,
        key: str | None = None,
        seed: int = 0,
        attempts: int = 5,
        pause_s: float = 1.0,
        at_once: int = 4,
    ) -> None:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        try:
            self._client = httpx.Client(
                base_url=address.rstrip("/") + "/", headers=headers, timeout=_TIMEOUT
            )
        except (httpx.InvalidURL, ValueError) as error:
            raise WriterUnavailable(f"{address} is no address: {error}") from error
        self.name = f"openai:{model}"
        self._address = address
        self._model = model
        self._seed = seed
        self._attempts = attempts
        self._pause_s = pause_s
        self._at_once = at_once

    def write(self, briefs: Sequence[Brief]) -> list[str]:
        with ThreadPoolExecutor(self._at_once) as pool:
            return list(pool.map(self._written, briefs))

    def close(self) -> None:
        self._client.close()

    def _written(self, brief: Brief) -> str:
        growing = wait_random_exponential(multiplier=self._pause_s, max=_LONGEST_PAUSE_S)

        def pause(attempt: RetryCallState) -> float:
            failure = attempt.outcome.exception() if attempt.outcome else None
            least = failure.after_s if isinstance(failure, _Again) else 0.0
            return max(growing(attempt), least)

        retrying = Retrying(
            retry=retry_if_exception_type(_Again),
            stop=stop_after_attempt(self._attempts),
            wait=pause,
            reraise=True,
        )
        try:
            return retrying(self._ask, brief)
        except _Again as error:
            raise WriterUnavailable(
                f"{self._address} did not write after {self._attempts} attempts: {error}"
            ) from error

    def _ask(self, brief: Brief) -> str:
        body = {
            "model": self._model,
            "messages": [
                {"role": "system", "content": SYSTEM},
                {"role": "user", "content": prompt_of(brief)},
            ],
            "temperature": 0,
            "seed": self._seed,
            "max_tokens": _MOST_TOKENS,
        }
        try:
            answer = self._client.post("chat/completions", json=body)
        except httpx.UnsupportedProtocol as error:
            raise WriterUnavailable(f"{self._address} is no address: {error}") from error
        except httpx.TransportError as error:
            raise _Again(str(error) or type(error).__name__) from error
        if answer.status_code in _BUSY or answer.status_code >= 500:
            raise _Again(f"status {answer.status_code}", after_s=_named_pause_s(answer))
        if not answer.is_success:
            raise WriterUnavailable(f"{self._address} refused: status {answer.status_code}")
        try:
            completion = _Completion.model_validate_json(answer.content)
        except ValidationError as error:
            raise WriterUnavailable(f"{self._address} answered with no completion") from error
        return answer_of(completion.choices[0].message.content or "")


def _named_pause_s(answer: httpx.Response) -> float:
    """From `Retry-After` in seconds; its other form, a date, is left to our own pauses."""
    named = answer.headers.get("Retry-After", "")
    return min(float(named), _LONGEST_PAUSE_S) if named.isdecimal() else 0.0
