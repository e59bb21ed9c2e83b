"""Pairs from the service into a file, whole or not at all."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from cli.errors import CommandFailed
from cli.reading import asked
from cli.terminal import complain

__all__ = ["export_pairs"]


class _Pair(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    prompt: str
    chosen: str
    rejected: str


_FORMS: Final[Mapping[str, Callable[[_Pair], dict[str, str]]]] = {"dpo": _Pair.model_dump}


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    pair: _Pair | None = None
    left_out: dict[str, int] | None = None


def export_pairs(
    url: str | None,
    *,
    form: str,
    tenant: str | None,
    wanted: Mapping[str, str | None],
    out: Path | None,
    as_json: bool = False,
) -> None:
    """Write pairs, one JSON object per line, and say how many.

    `dpo` is `prompt`, `chosen`, `rejected`: of TRL's preference datasets the "standard" one with
    an explicit prompt. `datasets.load_dataset("json", …)` gives what `DPOTrainer` takes.

    Args:
        form: `dpo`.
        wanted: `user_id`, `persona`; None for either is everybody.
        out: Replaced when all are there; None for standard output, where what has come stays.
        as_json: Write one object instead: `pairs`, and `left_out`, how many by reason.

    Raises:
        CommandFailed: the service cannot give them, or stopped before the last.
    """
    body = {name: value for name, value in wanted.items() if value is not None}
    count = 0
    held: list[dict[str, str]] = []
    left_out: dict[str, int] | None = None
    with asked(url, tenant=tenant) as asker, _opened(out) as file:
        for text in asker.lines("preferences:export", body):
            line = _read(text)
            left_out = line.left_out
            if line.pair is None:
                continue
            count += 1
            pair = _FORMS[form](line.pair)
            if as_json:
                held.append(pair)
            else:
                file.write(json.dumps(pair, ensure_ascii=False) + "\n")
        if left_out is None:
            raise CommandFailed("the service stopped before the last pair: try again")
        if as_json:
            whole = {"pairs": held, "left_out": left_out}
            file.write(json.dumps(whole, ensure_ascii=False, indent=2) + "\n")
    why = ", ".join(f"{number} {reason}" for reason, number in left_out.items())
    complain(f"{count} pairs" + (f"; left out: {why}" if why else ""))


def _read(text: str) -> _Line:
    try:
        return _Line.model_validate_json(text)
    except ValidationError as error:
        raise CommandFailed(
            "the service answers in a form that this version cannot read"
        ) from error


@contextmanager
def _opened(out: Path | None) -> Iterator[IO[str]]:
    """A file that takes its place when all went well."""
    if out is None:
        yield sys.stdout
        return
    with NamedTemporaryFile(
        "w", encoding="utf-8", newline="\n", dir=out.parent, prefix=f".{out.name}-", delete=False
    ) as file:
        waiting = Path(file.name)
        try:
            yield file
            file.flush()
            waiting.replace(out)
        finally:
            waiting.unlink(missing_ok=True)
