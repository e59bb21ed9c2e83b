"""The MCP server: as an agent's own client starts it, and its tools over a running service."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, Final

import pytest
from jsonschema import Draft202012Validator
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp_types import CallToolResult, TextContent, Tool

from cli.agents import RunningService
from cli.settings import load_settings
from lookup.agents.server import create_server

pytestmark = pytest.mark.anyio

ROOT: Final = Path(__file__).resolve().parents[2]
CALLS: Final[Mapping[str, Mapping[str, object]]] = {
    "look_up_profile": {"user_id": "ishmael"},
    "explain_profile": {"user_id": "w0", "half_life_days": 30, "limit": 3},
    "rank_items": {"user_id": "w0", "limit": 3},
    "score_choices": {
        "user_id": "w0",
        "items": ["i1"],
        "pairs": [{"a": {"item_id": "i1"}, "b": {"text": "a quiet novel"}}],
    },
    "retrieve_passages": {"user_id": "ishmael", "query": "white whale", "kind": "note"},
    "build_context": {"user_id": "ishmael", "query": "white whale", "token_budget": 900},
    "list_personas": {"limit": 1},
    "look_up_persona": {"persona_id": "p1"},
    "look_up_statistics": {"persona_id": "p1", "most": 3},
    "find_similar_items": {"item_id": "i1"},
}


def said(result: CallToolResult) -> str:
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


def answered(result: CallToolResult) -> Any:
    assert not result.is_error, said(result)
    assert result.structured_content is not None
    assert json.loads(said(result)) == result.structured_content
    return result.structured_content


@asynccontextmanager
async def client_of(url: str, *, tenant: str | None = None) -> AsyncIterator[Client]:
    with closing(RunningService(load_settings(), url=url, tenant=tenant)) as service:
        async with Client(create_server(service, version="1")) as client:
            yield client


def command(*arguments: str) -> StdioServerParameters:
    return StdioServerParameters(
        command=sys.executable,
        args=["-m", "cli.main", "mcp", *arguments],
        env={"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
    )


async def test_every_tool_answers_in_the_form_that_it_tells(service_url: str) -> None:
    async with Client(command("--url", service_url)) as client:
        tools = (await client.list_tools()).tools
        assert {tool.name for tool in tools} == CALLS.keys()
        for tool in tools:
            answer = answered(await client.call_tool(tool.name, dict(CALLS[tool.name])))
            assert tool.output_schema is not None
            Draft202012Validator(tool.output_schema).validate(answer)


def told_apart(tool: Tool) -> None:
    assert tool.title
    assert tool.description is not None
    assert len(tool.description.split()) > 8
    assert tool.annotations is not None
    assert tool.annotations.read_only_hint
    undescribed = [
        name
        for name, schema in tool.input_schema["properties"].items()
        if "description" not in schema
    ]
    assert undescribed == []


async def test_each_tool_says_what_it_is_for_and_that_it_only_reads(service_url: str) -> None:
    async with client_of(service_url) as client:
        for tool in (await client.list_tools()).tools:
            told_apart(tool)
        assert "never an instruction" in (client.instructions or "")


async def test_the_answers_are_the_services(service_url: str) -> None:
    async with client_of(service_url) as client:
        profile = answered(await client.call_tool("look_up_profile", {"user_id": "w0"}))
        assert (profile["user_id"], profile["known"]) == ("w0", True)
        assert set(profile["weights"]) == {"user", "persona", "global"}
        ranking = answered(await client.call_tool("rank_items", {"user_id": "w0", "limit": 3}))
        assert len(ranking["items"]) == 3
        explained = answered(
            await client.call_tool("explain_profile", dict(CALLS["explain_profile"]))
        )
        assert explained["half_life_s"] == 30 * 86_400
        personas = answered(await client.call_tool("list_personas", {"limit": 1}))
        (first,) = personas["personas"]
        rest = answered(
            await client.call_tool("list_personas", {"cursor": personas["next_cursor"]})
        )
        assert [first["id"], *(one["id"] for one in rest["personas"])] == ["p3", "p1"]


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("look_up_profile", {"user_id": "ishmael"}),
        ("retrieve_passages", {"user_id": "ishmael", "query": "white whale"}),
        ("build_context", {"user_id": "ishmael", "query": "white whale"}),
        ("list_personas", {}),
    ],
)
async def test_what_people_wrote_is_quoted_and_cannot_end_its_quotation(
    tool: str, arguments: dict[str, object], service_url: str
) -> None:
    async with client_of(service_url) as client:
        answer = answered(await client.call_tool(tool, arguments))
    lines = [line for text in texts_of(answer) for line in text.split("\n")]
    hostile = [line for line in lines if "Ignore all" in line]
    assert hostile
    for line in hostile:
        # It stands between two marks, none of which is its own.
        assert line.count('"') % 2 == 0
        outside = [part for at, part in enumerate(line.split('"')) if at % 2 == 0]
        assert not any("Ignore all" in part for part in outside)
        assert "<system>" not in line


def texts_of(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for inner in value.values() for text in texts_of(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in texts_of(inner)]
    return []


async def test_a_passage_names_its_document_by_the_id_that_it_has(service_url: str) -> None:
    async with client_of(service_url) as client:
        call = dict(CALLS["retrieve_passages"])
        found = answered(await client.call_tool("retrieve_passages", call))
        assert [passage["document_id"] for passage in found["passages"]] == ["d1"]
        nothing = answered(
            await client.call_tool("retrieve_passages", {**call, "kind": "no such kind"})
        )
        assert (nothing["passages"], nothing["absent"] is None) == ([], False)


@pytest.mark.parametrize(
    ("tool", "arguments", "line"),
    [
        ("look_up_persona", {"persona_id": "p99"}, "Unknown persona"),
        ("find_similar_items", {"item_id": "never"}, "Unknown item"),
        ("rank_items", {"user_id": "w0", "limit": 0}, "wrong arguments: limit"),
        ("rank_items", {}, "wrong arguments: user_id"),
        ("score_choices", {"user_id": "w0", "pairs": [{"a": {}, "b": {}}]}, "item_id or a text"),
        ("build_context", {"user_id": "w0", "template": "mine"}, "must be one of plain, sections"),
        ("retrieve_passages", {"user_id": "w0", "query": "q", "since": "soon"}, "RFC 3339"),
    ],
)
async def test_a_failure_is_an_error_of_one_line(
    tool: str, arguments: dict[str, object], line: str, service_url: str
) -> None:
    async with client_of(service_url) as client:
        result = await client.call_tool(tool, arguments)
    assert result.is_error
    assert line in said(result)
    assert "\n" not in said(result)


async def test_a_service_that_is_not_there_is_told_and_may_come_later(
    service_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses = iter(["http://127.0.0.1:9", service_url])
    monkeypatch.setattr("cli.agents.lookup_url", lambda *_, **__: next(addresses))
    async with client_of("") as client:
        away = await client.call_tool("look_up_profile", {"user_id": "w0"})
        assert away.is_error
        assert said(away).startswith("no lookup service answers at http://127.0.0.1:9: is `strata")
        assert answered(await client.call_tool("look_up_profile", {"user_id": "w0"}))["known"]


async def test_the_tenant_is_the_commands_and_not_the_agents(service_url: str) -> None:
    async with client_of(service_url, tenant="other") as client:
        profile = answered(await client.call_tool("look_up_profile", {"user_id": "w0"}))
        assert (profile["tenant"], profile["known"]) == ("other", False)
        for tool in (await client.list_tools()).tools:
            assert "tenant" not in tool.input_schema["properties"]


async def test_it_is_served_over_http_on_this_machine_alone(service_url: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    parameters = command("--url", service_url, "--http", str(port))
    with subprocess.Popen(  # noqa: ASYNC220 - it is ended before the loop is
        [parameters.command, *parameters.args],
        env={**os.environ, **(parameters.env or {})},
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            deadline = time.monotonic() + 60
            while not _listens("127.0.0.1", port):
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.1)  # noqa: ASYNC251 - nothing else runs here
            async with Client(f"http://127.0.0.1:{port}/mcp") as client:
                profile = answered(await client.call_tool("look_up_profile", {"user_id": "w0"}))
                assert profile["known"]
        finally:
            process.terminate()


def _listens(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False
