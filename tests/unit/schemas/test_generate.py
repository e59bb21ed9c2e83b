"""The generated contracts are current, valid, and true of what is accepted."""

from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from event_strategies import RECEIVED_MS, Members, dump, events, mutated_events
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from schemas import topics
from schemas.fast import Rejection, decode
from schemas.generate import documents, json_schemas, main

DIRECTORY: Final = Path(__file__).resolve().parents[3] / "docs/schemas"
VALIDATORS: Final = {kind: Draft202012Validator(schema) for kind, schema in json_schemas().items()}


def test_the_committed_documents_are_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(DIRECTORY), "--check"]) == 0
    assert capsys.readouterr().err == ""


def test_drift_is_named_and_fails_until_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = tmp_path / "new"
    assert main([str(directory), "--check"]) == 1
    assert not directory.exists()
    assert main([str(directory)]) == 0
    assert main([str(directory), "--check"]) == 0
    (directory / "click.schema.json").write_text("{}")
    (directory / "item.schema.json").write_text("{}")
    (directory / "asyncapi.yaml").unlink()
    capsys.readouterr()
    assert main([str(directory), "--check"]) == 1
    said = capsys.readouterr().err
    assert [name in said for name in ("click", "item.schema", "asyncapi", "consent")] == [
        True,
        True,
        True,
        False,
    ]
    assert main([str(directory)]) == 0
    assert {path.name for path in directory.iterdir()} == documents().keys()


@pytest.mark.parametrize("kind", topics.TOPIC_OF)
def test_each_type_has_a_valid_json_schema(kind: str) -> None:
    Draft202012Validator.check_schema(json_schemas()[kind])
    assert not VALIDATORS[kind].is_valid({"type": kind})


@settings(max_examples=300, deadline=None)
@given(st.one_of(events, mutated_events()))
def test_what_is_accepted_is_valid_by_its_schema(members: Members) -> None:
    decoded = decode(dump(members), received_ms=RECEIVED_MS)
    if not isinstance(decoded, Rejection):
        VALIDATORS[decoded.type].validate(members)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("interaction", {"user_id": ""}),
        ("interaction", {"value": "5"}),
        ("interaction", {"type": "item"}),
        ("interaction", {"occurred_at": -1}),
        ("preference", {"chosen": {"item_id": "a", "text": "b"}}),
        ("preference", {"strength": -1}),
        ("consent", {"granted": 1}),
        ("attributes", {"attributes": {"a": ["x"]}}),
    ],
)
def test_the_schemas_refuse_what_decode_refuses(kind: str, change: Members) -> None:
    fields: Members = {
        "event_id": "e",
        "type": kind,
        "occurred_at": 1,
        "user_id": "u",
        "item_id": "i",
        "action": "a",
        "chosen": {"item_id": "a"},
        "rejected": {"item_id": "b"},
        "data_type": "documents",
        "granted": True,
        "attributes": {},
    }
    assert VALIDATORS[kind].is_valid(fields)
    assert not VALIDATORS[kind].is_valid(fields | change)
    assert isinstance(decode(dump(fields | change), received_ms=RECEIVED_MS), Rejection)


def _resolve(document: dict[str, Any], reference: str) -> Any:
    place: Any = document
    for step in reference.removeprefix("#/").split("/"):
        place = place[step]
    return place


def test_the_asyncapi_document_describes_every_topic_and_type() -> None:
    document = yaml.safe_load(documents()["asyncapi.yaml"])
    assert document["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= document["info"].keys()
    addresses = {channel["address"] for channel in document["channels"].values()}
    assert addresses == {
        *topics.TOPIC_OF.values(),
        topics.DEAD_LETTERS,
        topics.PROFILE_UPDATES,
        topics.ITEM_VECTORS,
        topics.PERSONAS,
        topics.PERSONA_EVENTS,
    }
    for kind, topic in topics.TOPIC_OF.items():
        message = _resolve(document, document["channels"][topic]["messages"][kind]["$ref"])
        assert (DIRECTORY / message["payload"]["schema"]["$ref"]).is_file()
    (told,) = document["channels"][topics.PERSONA_EVENTS]["messages"].values()
    payload = _resolve(document, told["$ref"])["payload"]
    assert (DIRECTORY / payload["schema"]["$ref"]).is_file()
    received = {
        _resolve(document, operation["channel"]["$ref"])["address"]
        for operation in document["operations"].values()
        if operation["action"] == "receive"
    }
    assert received == {*topics.USER_TOPICS, topics.ITEMS}
    assert len(document["operations"]) == len(document["channels"])
