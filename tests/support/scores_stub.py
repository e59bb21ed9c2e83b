"""Answers of `POST /v1/score` about three texts of known worth."""

from collections.abc import Mapping
from typing import Any

WORTH = {"good": 2.0, "fair": 0.5, "poor": -1.0}


def levels(a: str, b: str) -> dict[str, Any]:
    of = {"global": 0.5, "persona": 0.5, "user": 1.0, "blend": 1.0}
    return {
        level: {
            "log_odds": share * (WORTH[a] - WORTH[b]),
            "probability": 0.5,
            "standard_error": 0.3,
            "effective_sample_size": 4.0,
        }
        for level, share in of.items()
    }


def scores(asked: Mapping[str, Any], *, absent: bool = False) -> dict[str, Any]:
    pairs = [] if absent else asked["pairs"]
    return {
        "tenant": "default",
        "user_id": asked["user_id"],
        "known": True,
        "version": 3,
        "items": [],
        "pairs": [
            {
                "a": {"item_id": None, **pair["a"]},
                "b": {"item_id": None, **pair["b"]},
                "levels": levels(pair["a"]["text"], pair["b"]["text"]),
                "shares": {"global": 1.0, "persona": 0.0, "user": 0.0},
            }
            for pair in pairs
        ],
        "absent": {"code": "nothing-learned", "text": "no choices yet"} if absent else None,
        "stale": False,
        "stale_because": [],
    }
