"""What an answer becomes before an agent reads it, whatever people wrote."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lookup.agents.material import material
from lookup.examples import EXAMPLES
from profiles.documents.quoting import harmless, quoted
from schemas.document_views import RetrievalView
from schemas.views import ProfileView, StatisticsView

PASSAGE: dict[str, Any] = {
    "document_id": "d1",
    "title": None,
    "kind": None,
    "about": [],
    "at": "2025-03-01T12:00:00.000Z",
    "passage": 0,
    "start": 0,
    "text": "",
    "score": 1.0,
    "by_meaning": 1,
    "by_words": None,
    "level": "user",
}
texts = st.text(max_size=60)


@given(text=texts, title=st.none() | texts, name=texts)
def test_texts_are_one_quoted_line_and_ids_are_what_they_were(
    text: str, title: str | None, name: str
) -> None:
    passage = {**PASSAGE, "text": text, "title": title, "document_id": name, "about": [name]}
    view = RetrievalView.model_validate(
        {
            "tenant": "default",
            "user_id": name,
            "known": True,
            "level": "user",
            "searched": ["words"],
            "passages": [passage],
            "items": [],
            "absent": None,
        }
    )
    (found,) = material(view.model_dump_json(), RetrievalView).passages
    assert found.text == quoted(text)
    assert found.title == (None if title is None else quoted(title))
    assert (found.document_id, found.about) == (name, (name,))
    assert "\n" not in found.text
    assert found.text.count('"') == 2


@given(name=st.text(min_size=1, max_size=20), value=texts)
def test_what_somebody_stated_is_quoted_and_its_name_harmless(name: str, value: str) -> None:
    example: Any = EXAMPLES["get", "/v1/profiles/{user_id}"].response
    stated = ProfileView.model_validate({**example, "attributes": {name: value, "age": 30}})
    attributes = dict(material(stated.model_dump_json(by_alias=True), ProfileView).attributes)
    assert attributes.pop("age", 30) == 30
    assert attributes in ({harmless(name): quoted(value)}, {})
    counted: Any = EXAMPLES["get", "/v1/statistics"].response
    statistics = StatisticsView.model_validate(
        {**counted, "attributes": {name: [{"value": value, "users": 3}]}}
    )
    shown = material(statistics.model_dump_json(by_alias=True), StatisticsView).attributes
    ((told,),) = shown.values()
    assert (told.value, told.users) == (quoted(value), 3)
