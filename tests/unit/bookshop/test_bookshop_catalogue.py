import json
import re
import unicodedata
from collections import Counter

import pytest

from bookshop import personas
from bookshop.catalogue import Book, item_events, load_books
from bookshop.reviews import _REASONS
from schemas import fast

SUBJECTS = {
    personas.SEA,
    personas.CRIME,
    personas.GOTHIC,
    personas.MANNERS,
    personas.FUTURE,
    personas.THOUGHT,
    personas.VERSE,
    personas.NURSERY,
    personas.HISTORY,
    personas.NATURE,
    personas.SOCIAL,
    personas.HUMOUR,
}
SENTENCE_END = re.compile(r"(?<=[a-zé0-9])[.?!](?:\s|$)")


def test_the_catalogue_holds_at_least_160_different_books(books: tuple[Book, ...]) -> None:
    assert len(books) >= 160
    assert len({book.item_id for book in books}) == len(books)
    assert len({(book.title, book.author) for book in books}) == len(books)
    assert len({book.description for book in books}) == len(books)


def test_every_subject_has_at_least_ten_books(books: tuple[Book, ...]) -> None:
    shelves = Counter(book.subject for book in books)
    assert set(shelves) == SUBJECTS
    assert min(shelves.values()) >= 10


def test_every_book_is_old_enough_to_be_free(books: tuple[Book, ...]) -> None:
    assert all(1450 <= book.year < 1928 for book in books)


def test_descriptions_are_one_to_three_sentences(books: tuple[Book, ...]) -> None:
    for book in books:
        assert 80 <= len(book.description) <= 260, book.item_id
        assert 1 <= len(SENTENCE_END.findall(book.description)) <= 3, book.item_id
        assert book.description[-1] in ".?!", book.item_id


def test_texts_are_clean_utf8(books: tuple[Book, ...]) -> None:
    for book in books:
        assert unicodedata.is_normalized("NFC", book.text), book.item_id
        assert book.text.isprintable(), book.item_id
        assert "\N{REPLACEMENT CHARACTER}" not in book.text, book.item_id
        assert "  " not in book.text, book.item_id


def test_the_text_says_title_author_year_subjects_and_description(
    books: tuple[Book, ...],
) -> None:
    for book in books:
        shelves = ", ".join(book.subjects)
        assert book.text == (
            f"{book.title}, by {book.author} ({book.year}). "
            f"{shelves[0].upper()}{shelves[1:]}. {book.description}"
        )


def test_a_books_own_shelf_is_the_first_of_its_subjects(books: tuple[Book, ...]) -> None:
    for book in books:
        assert book.subjects[0] == book.subject
        assert set(book.subjects) <= SUBJECTS
        assert len(set(book.subjects)) == len(book.subjects)


def test_item_ids_are_plain_slugs(books: tuple[Book, ...]) -> None:
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", book.item_id) for book in books)


def test_every_item_event_is_accepted_as_it_stands() -> None:
    for record in item_events():
        event = fast.decode(json.dumps(record).encode(), received_ms=1_767_225_600_000)
        assert isinstance(event, fast.Item), record["item_id"]
        assert record["event_id"] == f"book-{event.item_id}"


def test_events_and_typed_books_tell_the_same() -> None:
    assert [(book.item_id, book.title, book.text, book.subject) for book in load_books()] == [
        (event.item_id, event.title, event.text, (event.attributes or {})["subject"])
        for record in item_events()
        if isinstance(
            event := fast.decode(json.dumps(record).encode(), received_ms=1_767_225_600_000),
            fast.Item,
        )
    ]


def test_changing_a_returned_event_leaves_the_catalogue_alone() -> None:
    first = item_events()[0]
    first["title"] = "Something else"
    assert item_events()[0]["title"] != "Something else"


def test_every_shelf_has_words_for_a_review() -> None:
    assert set(_REASONS) == SUBJECTS


def test_personas_are_proper_distributions_over_the_shelves() -> None:
    assert sum(persona.share for persona in personas.PERSONAS) == pytest.approx(1)
    for persona in personas.PERSONAS:
        assert sum(persona.taste.values()) == pytest.approx(1)
        assert sum(persona.age_weights) == pytest.approx(1)
        assert set(persona.taste) | persona.dislikes <= SUBJECTS
        assert not set(persona.taste) & persona.dislikes


def test_most_readers_dislike_what_the_minority_loves() -> None:
    minority = personas.PERSONA_BY_NAME[personas.MINORITY]
    for subject in minority.taste:
        against = sum(p.share for p in personas.PERSONAS if subject in p.dislikes)
        assert against > 0.75
