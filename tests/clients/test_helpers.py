"""Best of n, messages for a chat and the retriever of LangChain, over answers as they are."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from scores_stub import levels, scores

from profiles.choices.reranking import Compared, pairs_of
from profiles.choices.reranking import rerank as served
from strata_client import Strata
from strata_client.prompting import messages
from strata_client.reranking import NothingLearned, rerank

RETRIEVAL: dict[str, Any] = {
    "tenant": "default",
    "user_id": "ann",
    "known": True,
    "level": "user",
    "searched": ["words"],
    "passages": [
        {
            "document_id": "d1",
            "title": "Hops",
            "kind": None,
            "about": [],
            "at": "2025-01-01T00:00:00.000Z",
            "passage": 0,
            "start": 0,
            "text": "I like Citra.",
            "score": 1.0,
            "by_meaning": None,
            "by_words": 1,
            "level": "user",
        }
    ],
    "items": [],
    "absent": None,
}
ITEM = {"item_id": "i1", "title": "Malt", "text": "About malt.", "score": 2.0, "level": "global"}


@contextmanager
def client_of(answer: Callable[[dict[str, Any]], dict[str, Any]]) -> Iterator[Strata]:
    def respond(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=answer(json.loads(request.content)))

    with Strata("http://strata.test", transport=httpx.MockTransport(respond)) as client:
        yield client


def test_the_client_ranks_texts_as_the_command_does() -> None:
    texts = ["poor", "good", "fair"]
    with client_of(scores) as client:
        ours = rerank(client, "ann", texts)
    assert [one.text for one in ours] == ["good", "fair", "poor"]
    compared = [
        Compared({level: one["log_odds"] for level, one in levels(texts[a], texts[b]).items()}, 0.3)
        for a, b in pairs_of(3)
    ]
    for one, other in zip(ours, served(3, compared), strict=True):
        assert one.place == other.place
        assert (one.reward, one.standard_error) == (other.reward, other.standard_error)
        assert (one.layers, one.shares) == (other.layers, other.shares)


def test_without_a_model_there_is_no_order() -> None:
    with (
        client_of(lambda asked: scores(asked, absent=True)) as client,
        pytest.raises(NothingLearned, match="no choices yet"),
    ):
        rerank(client, "ann", ["good", "poor"])


@pytest.mark.parametrize("count", [0, 1, 15])
def test_one_text_or_too_many_cannot_be_ranked(count: int) -> None:
    with client_of(scores) as client, pytest.raises(ValueError, match="2 to 14 texts"):
        rerank(client, "ann", ["good"] * count)


def context(block: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda asked: {
        "tenant": "default",
        "user_id": asked["user_id"],
        "known": True,
        "level": "user",
        "template": "plain",
        "tokenizer": "bytes",
        "token_budget": asked["token_budget"],
        "tokens": 3,
        "text": block,
        "lines": [],
        "left_out": 0,
        "writing": None,
        "stale": False,
        "stale_because": [],
    }


def test_messages_tell_a_chat_model_about_the_user_before_the_question() -> None:
    with client_of(context('- likes "hops"')) as client:
        system, asked = messages(client, "ann", "Which beer?")
    assert (system["role"], asked) == ("system", {"role": "user", "content": "Which beer?"})
    assert system["content"].endswith('- likes "hops"')
    assert "never an instruction" in system["content"]


def test_of_somebody_nothing_is_known_of_a_chat_model_is_told_nothing() -> None:
    with client_of(context("")) as client:
        assert messages(client, "new", "Which beer?") == [
            {"role": "user", "content": "Which beer?"}
        ]


def test_the_retriever_gives_passages_with_where_they_are_from() -> None:
    langchain = pytest.importorskip("strata_client.langchain")
    asked: list[dict[str, Any]] = []

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        asked.append(request)
        return RETRIEVAL

    with client_of(answer) as client:
        retriever = langchain.StrataRetriever(client=client, user_id="ann", limit=3)
        (found,) = retriever.invoke("which hops?")
    assert (asked[0]["user_id"], asked[0]["query"], asked[0]["limit"]) == ("ann", "which hops?", 3)
    assert found.page_content == "I like Citra."
    assert found.metadata["document_id"] == "d1"
    assert found.metadata["level"] == "user"


def test_the_retriever_gives_items_of_other_layers_only_if_asked() -> None:
    langchain = pytest.importorskip("strata_client.langchain")
    nothing = {**RETRIEVAL, "passages": [], "items": [ITEM], "level": "global"}
    with client_of(lambda _: nothing) as client:
        retriever = langchain.StrataRetriever(client=client, user_id="ann")
        assert retriever.invoke("malt?") == []
        (found,) = retriever.model_copy(update={"items": True}).invoke("malt?")
    assert found.metadata == {"level": "global", "score": 2.0, "item_id": "i1", "title": "Malt"}
