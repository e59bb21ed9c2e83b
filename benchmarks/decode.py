"""How fast records become events, beside the parsers underneath.

    python benchmarks/decode.py [--seconds S] [--json FILE]

One core. `msgspec alone` and `pydantic alone` trust the record: duplicate keys, huge numbers and,
for msgspec, ids and times go unchecked. The strict rows decide every doubtful case: `strict,
msgspec` is the slow lane of `decode`, `strict, pydantic` the models behind the same parser.
"""

import argparse
import json
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from schemas import events, fast
from schemas.json_values import Json
from schemas.wire import WireEvent

RECEIVED_MS: Final = 2_000_000_000_000
RECORDS: Final = 5_000
SEED: Final = 7


def _records(kind: str) -> list[bytes]:
    chance = random.Random(SEED)  # noqa: S311
    return [
        json.dumps(_event(kind, number, chance), separators=(",", ":")).encode()
        for number in range(RECORDS)
    ]


def _event(kind: str, number: int, chance: random.Random) -> dict[str, Json]:
    clock = f"{chance.randrange(24):02}:{chance.randrange(60):02}:{chance.randrange(60):02}"
    event: dict[str, Json] = {
        "event_id": f"shop-{number}",
        "type": kind,
        "occurred_at": f"2023-0{chance.randrange(1, 10)}-1{chance.randrange(10)}T{clock}.000Z",
        "user_id": f"reader:{chance.randrange(500)}",
    }
    match kind:
        case "interaction":
            event |= {"item_id": f"{chance.randrange(900)}", "action": "rate", "value": 3.5}
        case "preference":
            event |= {
                "chosen": {"item_id": f"a:{number}"},
                "rejected": {"item_id": f"b:{number}"},
                "prompt": "which of the two",
            }
        case _:
            event |= {"document_id": f"d{number}", "text": "word " * 40, "about": [f"i:{number}"]}
    return event


def _per_second(decode: Callable[[bytes], object], raws: Sequence[bytes], seconds: float) -> float:
    best = 0.0
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        start = time.perf_counter()
        for raw in raws:
            decode(raw)
        best = max(best, len(raws) / (time.perf_counter() - start))
    return best


def _decode(raw: bytes) -> object:
    return fast.decode(raw, received_ms=RECEIVED_MS)


def _pydantic(raw: bytes) -> object:
    return events.validate(raw, received_ms=RECEIVED_MS)


def main() -> None:
    """Print records per second, and ratios to `decode`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="per row (default 1)")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    options = parser.parse_args()
    figures: dict[str, dict[str, float]] = {}
    for kind in ("interaction", "preference", "document"):
        raws = _records(kind)
        # An unknown field sends a record down the slow lane and changes nothing else.
        unknown = [raw[:-1] + b',"x":0}' for raw in raws]
        rows: dict[str, tuple[Callable[[bytes], object], Sequence[bytes]]] = {
            "decode": (_decode, raws),
            "msgspec alone": (msgspec.json.Decoder(WireEvent).decode, raws),
            "json.loads": (json.loads, raws),
            "strict, msgspec": (_decode, unknown),
            "strict, pydantic": (_pydantic, unknown),
            "pydantic alone": (events.EVENT.validate_json, raws),
        }
        figures[kind] = {
            name: _per_second(decode, inputs, options.seconds)
            for name, (decode, inputs) in rows.items()
        }
        print(f"{kind} ({sum(map(len, raws)) // len(raws)} bytes)")
        for name, rate in figures[kind].items():
            print(f"  {name:17}{rate:>12,.0f}/s{figures[kind]['decode'] / rate:>8.2f}x")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
