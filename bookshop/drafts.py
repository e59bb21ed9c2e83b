"""Events before they have an id: what happened to whom and when, to be ordered and numbered."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from schemas.instants import rfc3339

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60 * SECOND_MS
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS

EventRecord = dict[str, object]
"""One event in Strata's format, ready for `json.dumps`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An event of one reader at `at_ms` (epoch milliseconds) without id and common fields."""

    at_ms: int
    user_id: str
    type: str
    fields: EventRecord

    @classmethod
    def interaction(
        cls,
        at_ms: int,
        user_id: str,
        *,
        item_id: str,
        action: str,
        value: float | None = None,
        channel: str | None = None,
    ) -> "Draft":
        """The reader does `action` to a book; `value` is the rating, 0.5 to 5."""
        fields: EventRecord = {"item_id": item_id, "action": action}
        if value is not None:
            fields["value"] = value
        if channel is not None:
            fields["context"] = {"channel": channel}
        return cls(at_ms=at_ms, user_id=user_id, type="interaction", fields=fields)

    @classmethod
    def preference(cls, at_ms: int, user_id: str, *, chosen: str, rejected: str) -> "Draft":
        """Asked to pick between two books (item ids), the reader takes `chosen`."""
        fields: EventRecord = {
            "chosen": {"item_id": chosen},
            "rejected": {"item_id": rejected},
            "prompt": "Which of these would you rather read next?",
        }
        return cls(at_ms=at_ms, user_id=user_id, type="preference", fields=fields)

    @classmethod
    def review(
        cls, at_ms: int, user_id: str, *, item_id: str, book_title: str, text: str
    ) -> "Draft":
        """The reader writes about a book."""
        fields: EventRecord = {
            "document_id": f"review-{user_id}-{item_id}",
            "title": f"On {book_title}",
            "kind": "review",
            "text": text,
            "about": [item_id],
        }
        return cls(at_ms=at_ms, user_id=user_id, type="document", fields=fields)

    @classmethod
    def attributes(cls, at_ms: int, user_id: str, *, attributes: dict[str, str]) -> "Draft":
        """The reader states something lasting about themselves."""
        return cls(
            at_ms=at_ms, user_id=user_id, type="attributes", fields={"attributes": attributes}
        )


def in_time_order(drafts: Iterable[Draft]) -> list[Draft]:
    """Sort by time, then reader; what one reader does in one millisecond keeps its order."""
    return sorted(drafts, key=lambda draft: (draft.at_ms, draft.user_id))


def finished(draft: Draft, *, event_id: str) -> EventRecord:
    """The draft as a complete event.

    Raises:
        ValueError: the draft's time lies outside the years 1970 to 9999.
    """
    return {
        "event_id": event_id,
        "type": draft.type,
        "occurred_at": rfc3339(draft.at_ms),
        "user_id": draft.user_id,
        **draft.fields,
    }
