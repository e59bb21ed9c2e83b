"""Qdrant's REST routes over the engine."""

from collections.abc import Callable
from typing import Any

import msgspec
from pydantic import TypeAdapter
from qdrant_client import models
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from qdrant_server.engine import BadRequest, Engine, Refused

__all__ = ["VERSION", "rest_application"]

VERSION = "1.19.0"

_Handler = Callable[[Engine, str, dict[str, Any]], Any]
_ALIASES = TypeAdapter(list[models.AliasOperations])


def _filter(body: dict[str, Any], name: str = "filter") -> models.Filter | None:
    given = body.get(name)
    return None if given is None else models.Filter.model_validate(given)


def _required_filter(body: dict[str, Any]) -> models.Filter:
    found = _filter(body)
    if found is None:
        raise BadRequest("the test server selects points by filter")
    return found


def _exists(engine: Engine, name: str, _body: dict[str, Any]) -> Any:
    return {"exists": engine.exists(name)}


def _create(engine: Engine, name: str, body: dict[str, Any]) -> Any:
    sparse = body.get("sparse_vectors") or {}
    engine.create(name, models.VectorParams.model_validate(body["vectors"]), list(sparse))
    return True


def _drop(engine: Engine, name: str, _body: dict[str, Any]) -> Any:
    return engine.drop(name)


def _info(engine: Engine, name: str, _body: dict[str, Any]) -> Any:
    return engine.info(name)


def _list_aliases(engine: Engine, _name: str, _body: dict[str, Any]) -> Any:
    pairs = engine.aliases.items()
    return {"aliases": [{"alias_name": alias, "collection_name": name} for alias, name in pairs]}


def _change_aliases(engine: Engine, _name: str, body: dict[str, Any]) -> Any:
    engine.change_aliases(_ALIASES.validate_python(body["actions"]))
    return True


def _create_index(engine: Engine, name: str, body: dict[str, Any]) -> Any:
    schema = body["field_schema"]
    kind = schema["type"] if isinstance(schema, dict) else schema
    engine.create_index(name, body["field_name"], kind)
    return _COMPLETED


def _upsert(engine: Engine, name: str, body: dict[str, Any]) -> Any:
    mode = body.get("update_mode")
    engine.upsert(
        name,
        body["points"],
        _filter(body, "update_filter"),
        None if mode is None else models.UpdateMode(mode),
    )
    return _COMPLETED


def _set_payload(engine: Engine, name: str, body: dict[str, Any]) -> Any:
    engine.set_payload(name, body["payload"], _required_filter(body), body.get("key"))
    return _COMPLETED


def _delete(engine: Engine, name: str, body: dict[str, Any]) -> Any:
    engine.delete(name, _required_filter(body))
    return _COMPLETED


def _retrieve(engine: Engine, name: str, body: dict[str, Any]) -> Any:
    return engine.retrieve(
        name,
        body["ids"],
        payload=body.get("with_payload"),
        vectors=bool(body.get("with_vector")),
    )


def _scroll(engine: Engine, name: str, body: dict[str, Any]) -> Any:
    points, following = engine.scroll(
        name,
        _filter(body),
        offset=body.get("offset"),
        limit=body["limit"],
        payload=body.get("with_payload"),
        vectors=bool(body.get("with_vector")),
    )
    return {"points": points, "next_page_offset": following}


def _query(engine: Engine, name: str, body: dict[str, Any]) -> Any:
    query = body["query"]
    nearest = query["nearest"] if isinstance(query, dict) and "nearest" in query else query
    if isinstance(nearest, dict):
        scope = (body.get("params") or {}).get("idf")
        points = engine.nearest_sparse(
            name,
            models.SparseVector.model_validate(nearest),
            _filter(body),
            using=body["using"],
            corpus=None if scope is None else _filter(scope, "corpus"),
            limit=body["limit"],
            payload=body.get("with_payload"),
            vectors=bool(body.get("with_vector")),
        )
        return {"points": points}
    points = engine.nearest(
        name,
        nearest,
        _filter(body),
        limit=body["limit"],
        payload=body.get("with_payload"),
        vectors=bool(body.get("with_vector")),
    )
    return {"points": points}


def _count(engine: Engine, name: str, body: dict[str, Any]) -> Any:
    return {"count": engine.count(name, _filter(body))}


_COMPLETED = {"operation_id": 0, "status": "completed"}
_COLLECTION = "/collections/{name}"
_ROUTES: dict[tuple[str, str], _Handler] = {
    ("GET", f"{_COLLECTION}/exists"): _exists,
    ("POST", "/collections/aliases"): _change_aliases,
    ("PUT", _COLLECTION): _create,
    ("GET", _COLLECTION): _info,
    ("DELETE", _COLLECTION): _drop,
    ("GET", "/aliases"): _list_aliases,
    ("PUT", f"{_COLLECTION}/index"): _create_index,
    ("PUT", f"{_COLLECTION}/points"): _upsert,
    ("POST", f"{_COLLECTION}/points"): _retrieve,
    ("POST", f"{_COLLECTION}/points/payload"): _set_payload,
    ("POST", f"{_COLLECTION}/points/delete"): _delete,
    ("POST", f"{_COLLECTION}/points/scroll"): _scroll,
    ("POST", f"{_COLLECTION}/points/query"): _query,
    ("POST", f"{_COLLECTION}/points/count"): _count,
}


def rest_application(engine: Engine) -> Starlette:
    def endpoint(handler: _Handler) -> Any:
        async def answer(request: Request) -> Response:
            raw = await request.body()
            body = msgspec.json.decode(raw) if raw else {}
            try:
                result = handler(engine, request.path_params.get("name", ""), body)
            except Refused as refusal:
                error = {"status": {"error": str(refusal)}, "time": 0.0}
                return _json(error, status=refusal.status)
            return _json({"result": result, "status": "ok", "time": 0.0})

        return answer

    async def root(_request: Request) -> Response:
        return _json({"title": "Qdrant for tests", "version": VERSION})

    routes = [
        Route(path, endpoint(handler), methods=[method])
        for (method, path), handler in _ROUTES.items()
    ]
    return Starlette(routes=[Route("/", root), *routes])


def _json(body: Any, *, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")
