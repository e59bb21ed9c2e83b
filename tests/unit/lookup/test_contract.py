"""The OpenAPI document says what is true, with an example for every route."""

import json
from http import HTTPStatus
from typing import Any

import pytest
from event_strategies import RECEIVED_MS
from ingest_world import Publishing
from jsonschema import Draft202012Validator
from lookup_world import World
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from lookup.examples import EXAMPLES, problem_example
from schemas import views
from schemas.fast import Rejection, decode
from schemas.generate import json_schemas
from schemas.json_values import Json
from schemas.topics import TOPIC_OF

Document = dict[str, Any]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def document(empty_world: World) -> Document:
    async with Publishing(empty_world).client() as client:
        found: Document = (await client.get("/openapi.json")).json()
    return found


def operations(document: Document) -> dict[tuple[str, str], Document]:
    return {
        (method, path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if path != "/metrics"
    }


def problems_with(document: Document, schema: Document, value: Json) -> list[str]:
    whole = DRAFT202012.create_resource(document)
    validator = Draft202012Validator(
        _absolute(schema), registry=Registry().with_resource("urn:openapi", whole)
    )
    return [error.message for error in validator.iter_errors(value)]


def _absolute(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {
            key: f"urn:openapi{value}" if key == "$ref" else _absolute(value)
            for key, value in schema.items()
        }
    return [_absolute(one) for one in schema] if isinstance(schema, list) else schema


@pytest.mark.anyio
async def test_every_route_has_an_example_and_each_is_valid(document: Document) -> None:
    found = operations(document)
    assert found.keys() == EXAMPLES.keys(), "lookup/examples.py has one example per route"
    for place, operation in found.items():
        status = str(EXAMPLES[place].status)
        (answered,) = operation["responses"][status]["content"].values()
        assert problems_with(document, answered["schema"], answered["example"]) == [], place
        if "requestBody" in operation:
            asked = operation["requestBody"]["content"]["application/json"]
            assert problems_with(document, asked["schema"], asked["example"]) == [], place


@pytest.mark.anyio
async def test_the_validity_of_examples_is_really_asked(document: Document) -> None:
    schema = {"$ref": "#/components/schemas/ProfileView"}
    assert problems_with(document, schema, {"tenant": 1})


def test_examples_of_answers_are_views() -> None:
    example = EXAMPLES["get", "/v1/profiles/{user_id}"].response
    view = views.ProfileView.model_validate(example)
    # Views let unknown fields through; an example has none.
    assert view.model_dump(mode="json", by_alias=True, exclude_unset=True) == example


def test_the_example_of_an_event_is_one() -> None:
    event = json.dumps(EXAMPLES["post", "/v1/events"].request).encode()
    assert not isinstance(decode(event, received_ms=2 * RECEIVED_MS), Rejection)


@pytest.mark.anyio
async def test_every_problem_is_described_under_its_media_type(document: Document) -> None:
    for place, operation in operations(document).items():
        for status, response in operation["responses"].items():
            if not (status.startswith(("4", "5")) and place[1].startswith("/v1/")):
                continue
            assert response["content"].keys() == {"application/problem+json"}, (place, status)
            content = response["content"]["application/problem+json"]
            assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
            problem = views.Problem.model_validate(content["example"])
            assert problem.status == int(status)


@pytest.mark.anyio
async def test_operation_ids_are_plain_and_unique(document: Document) -> None:
    names = [operation["operationId"] for operation in operations(document).values()]
    assert len(set(names)) == len(names)
    assert all(name.isidentifier() and not name.startswith("_") for name in names)


@pytest.mark.anyio
async def test_the_events_described_are_the_generated_ones(document: Document) -> None:
    described = document["components"]["schemas"]
    generated: dict[str, Document] = json_schemas()
    mapping = described["Event"]["discriminator"]["mapping"]
    assert mapping.keys() == TOPIC_OF.keys()
    for kind, reference in mapping.items():
        ours = described[reference.rpartition("/")[2]]
        assert ours["required"] == generated[kind]["required"]
        assert ours["properties"].keys() == generated[kind]["properties"].keys()


def test_examples_of_problems_are_problems() -> None:
    for status in (404, 409, 413, 415, 422, 503):
        views.Problem.model_validate(problem_example(HTTPStatus(status)))
