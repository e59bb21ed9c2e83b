"""The OpenAPI document: what FastAPI derives from the routes, with events and examples added."""

from http import HTTPStatus
from typing import Any, Final, get_args

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic.json_schema import models_json_schema

from lookup.examples import EXAMPLES, problem_example
from lookup.ingest_checking import MOST_EVENTS
from lookup.ingest_routes import EVENTS_PATH
from lookup.problems import PROBLEM_MEDIA_TYPE
from lookup.scopes import scope_of
from schemas.events import Event

__all__ = ["describe", "operation_id"]

_JSON: Final = "application/json"
_KEY: Final = "key"
_REFERENCE: Final = "#/components/schemas/{model}"


def describe(app: FastAPI, *, keyed: bool) -> None:
    """Make the app serve the completed document; it is computed once, when first asked for.

    Args:
        keyed: Requests have to carry keys.
    """
    derive = app.openapi

    def completed() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = derive()
            if EVENTS_PATH in document["paths"]:
                _add_events(document)
            _add_refusals(document)
            _add_security(document, keyed=keyed)
            _add_examples(document)
            _tidy(document)
            app.openapi_schema = document
        return app.openapi_schema

    # FastAPI's own way to extend the document.
    app.openapi = completed  # type: ignore[method-assign]


def _add_events(document: dict[str, Any]) -> None:
    """Describe the body of publishing, which the route reads for itself."""
    models = get_args(Event)
    _, definitions = models_json_schema(
        [(model, "validation") for model in models], ref_template=_REFERENCE
    )
    schemas = document["components"]["schemas"]
    mapping = {}
    for model in models:
        schema = definitions["$defs"][model.__name__]
        # Preset for whoever builds one in Python; on the wire it has to be said.
        schema["required"] = sorted({"type", *schema["required"]})
        mapping[model.model_fields["type"].default] = _REFERENCE.format(model=model.__name__)
    schemas.update(definitions["$defs"])
    schemas["Event"] = {
        "oneOf": [{"$ref": reference} for reference in mapping.values()],
        "discriminator": {"propertyName": "type", "mapping": mapping},
    }
    event = {"$ref": _REFERENCE.format(model="Event")}
    listed = {"type": "array", "items": event, "minItems": 1, "maxItems": MOST_EVENTS}
    document["paths"][EVENTS_PATH]["post"]["requestBody"] = {
        "required": True,
        "content": {_JSON: {"schema": {"anyOf": [event, listed]}}},
    }


def _add_refusals(document: dict[str, Any]) -> None:
    """What is decided before a route is asked: by its key, by its size, by its speed."""
    problem = {"schema": {"$ref": _REFERENCE.format(model="Problem")}}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            statuses = [400, 421]
            if scope_of(method.upper(), path) is not None:
                statuses += [401, 403, 429]
            if "requestBody" in operation:
                statuses += [408, 413]
            for status in map(str, statuses):
                operation["responses"].setdefault(
                    status,
                    {"description": HTTPStatus(int(status)).phrase, "content": {_JSON: problem}},
                )
                content = operation["responses"][status].setdefault("content", {_JSON: problem})
                content.setdefault(PROBLEM_MEDIA_TYPE, {})


def _add_security(document: dict[str, Any], *, keyed: bool) -> None:
    document["components"]["securitySchemes"] = {
        _KEY: {"type": "http", "scheme": "bearer", "description": "An API key, `strata_…`"}
    }
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            needed = scope_of(method.upper(), path)
            if needed is None:
                operation["security"] = []
                continue
            # Without keys in force, none is asked for.
            operation["security"] = [{_KEY: []}] if keyed else [{_KEY: []}, {}]
            operation["description"] = (
                f"{operation.get('description', '')}\n\nScope of the key: `{needed}`."
            ).strip()


def _add_examples(document: dict[str, Any]) -> None:
    for (method, path), example in EXAMPLES.items():
        operation = document["paths"].get(path, {}).get(method)
        if operation is None:
            continue
        if example.request is not None:
            operation["requestBody"]["content"][_JSON]["example"] = example.request
        (content,) = operation["responses"][str(example.status)]["content"].values()
        content["example"] = example.response


def _tidy(document: dict[str, Any]) -> None:
    """Names without underscores, and problems under their own media type alone."""
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["summary"] = operation["summary"].strip()
            for status, response in operation["responses"].items():
                content = response.get("content", {})
                if PROBLEM_MEDIA_TYPE in content:
                    schema = content.pop(_JSON)["schema"]
                    content[PROBLEM_MEDIA_TYPE] = {
                        "schema": schema,
                        "example": problem_example(HTTPStatus(int(status))),
                    }


def operation_id(route: APIRoute) -> str:
    """What generated clients call the route: its function's name."""
    return route.name.strip("_")
