"""Ada, whose profile the demo watches: two weeks at sea, then a fortnight of bad dreams.

Her story is written, not drawn, so that it reads the same under every seed. The hinge is
Stevenson: she comes to Dr Jekyll from Treasure Island.
"""

from typing import Final

from bookshop.drafts import DAY_MS, HOUR_MS, MINUTE_MS, Draft

PROTAGONIST: Final = "ada"
PERSONA_BEFORE: Final = "voyagers"
PERSONA_AFTER: Final = "night-readers"

# Day, hour, book and stars: viewed, put in the cart and bought then; read and rated later.
_SEA_BOOKS: Final = (
    (0, 19, "treasure-island", 5.0),
    (2, 20, "captains-courageous", 4.5),
    (5, 21, "moby-dick", 4.5),
    (9, 18, "typhoon", 5.0),
    (11, 20, "farthest-north", 4.0),
)
_GOTHIC_BOOKS: Final = (
    (14, 22, "strange-case-of-dr-jekyll-and-mr-hyde", 5.0),
    (16, 21, "frankenstein", 4.5),
    (18, 22, "dracula", 5.0),
    (21, 23, "carmilla", 5.0),
    (23, 22, "the-fall-of-the-house-of-usher", 4.5),
    (25, 21, "the-turn-of-the-screw", 4.5),
    (27, 20, "the-hound-of-the-baskervilles", 4.5),
)
# Day, hour, book and stars: opened, put away and rated on the spot.
_DISAPPOINTMENTS: Final = (
    (7, 20, "sense-and-sensibility", 1.5),
    (12, 21, "leviathan", 1.0),
    (24, 19, "the-coral-island", 2.5),
)
# Day, hour, chosen book, rejected book.
_CHOICES: Final = (
    (8, 20, "moby-dick", "pride-and-prejudice"),
    (22, 21, "dracula", "lord-jim"),
)
# Day, hour, book, its title, what she writes.
_REVIEWS: Final = (
    (
        8,
        21,
        "moby-dick",
        "Moby-Dick",
        (
            "I skipped nothing, not even the chapters on rope. When the boats went down I could "
            "taste the salt. Give me more ships, more weather and no drawing rooms."
        ),
    ),
    (
        20,
        23,
        "dracula",
        "Dracula",
        (
            "I read it with the lamp on until three. The ship that drifts in with a dead man at "
            "the wheel got me, and now I want castles, crypts and things at the window."
        ),
    ),
)
_DRIFT_DAY, _DRIFT_HOUR = _GOTHIC_BOOKS[0][:2]

BOOKS_IN_HER_STORY: Final = frozenset(
    {book for _, _, book, _ in (*_SEA_BOOKS, *_GOTHIC_BOOKS, *_DISAPPOINTMENTS)}
    | {book for _, _, *pair in _CHOICES for book in pair}
)


def protagonist_story(*, start_ms: int) -> list[Draft]:
    """Everything Ada does in the 30 days from `start_ms` (epoch milliseconds), unsorted."""
    drafts = [
        Draft.attributes(
            _moment(start_ms, 0, 18),
            PROTAGONIST,
            attributes={"age_band": "25-34", "country": "GB", "format": "paper"},
        )
    ]
    for day, hour, book, stars in (*_SEA_BOOKS, *_GOTHIC_BOOKS):
        drafts += _bought_and_read(_moment(start_ms, day, hour), book, stars)
    for day, hour, book, stars in _DISAPPOINTMENTS:
        at_ms = _moment(start_ms, day, hour)
        drafts += [_does(at_ms, book, "view"), _rates(at_ms + 12 * MINUTE_MS, book, stars)]
    for day, hour, chosen, rejected in _CHOICES:
        at_ms = _moment(start_ms, day, hour)
        drafts.append(Draft.preference(at_ms, PROTAGONIST, chosen=chosen, rejected=rejected))
    for day, hour, book, title, text in _REVIEWS:
        at_ms = _moment(start_ms, day, hour)
        drafts.append(Draft.review(at_ms, PROTAGONIST, item_id=book, book_title=title, text=text))
    return drafts


def protagonist_drift_ms(*, start_ms: int) -> int:
    """When (epoch milliseconds) she opens her first gothic book: her first event of the kind."""
    return _moment(start_ms, _DRIFT_DAY, _DRIFT_HOUR)


def _moment(start_ms: int, day: int, hour: int) -> int:
    return start_ms + day * DAY_MS + hour * HOUR_MS


def _bought_and_read(at_ms: int, book: str, stars: float) -> list[Draft]:
    finished_ms = at_ms + 30 * HOUR_MS
    return [
        _does(at_ms, book, "view"),
        _does(at_ms + 4 * MINUTE_MS, book, "cart"),
        _does(at_ms + 9 * MINUTE_MS, book, "buy"),
        _does(finished_ms, book, "read"),
        _rates(finished_ms + 5 * MINUTE_MS, book, stars),
    ]


def _does(at_ms: int, book: str, action: str) -> Draft:
    return Draft.interaction(at_ms, PROTAGONIST, item_id=book, action=action, channel="web")


def _rates(at_ms: int, book: str, stars: float) -> Draft:
    return Draft.interaction(
        at_ms, PROTAGONIST, item_id=book, action="rate", value=stars, channel="web"
    )
