"""A chat assistant that knows whom it talks to.

    python examples/assistant/assistant.py anna "Which novel next?"

Without OPENAI_BASE_URL it prints the messages that it would send; with it (and OPENAI_MODEL,
OPENAI_API_KEY) it asks any OpenAI-compatible model and prints the answer.
"""

import os
import sys

import httpx

from strata_client import Strata
from strata_client.prompting import Message, messages


def ask_model(chat: list[Message], *, base_url: str) -> str:
    """The model's answer.

    Raises:
        httpx.HTTPError: the model cannot be reached, or refuses.
    """
    headers = {}
    if key := os.environ.get("OPENAI_API_KEY"):
        headers["Authorization"] = f"Bearer {key}"
    response = httpx.post(
        f"{base_url.rstrip('/')}/chat/completions",
        json={"model": os.environ.get("OPENAI_MODEL", "default"), "messages": chat},
        headers=headers,
        timeout=60.0,
    )
    content: str = response.raise_for_status().json()["choices"][0]["message"]["content"]
    return content


def main(user_id: str, question: str) -> None:
    """Answer one question for one user."""
    with Strata(
        os.environ.get("STRATA_URL", "http://127.0.0.1:8700"),
        api_key=os.environ.get("STRATA_API_KEY"),
    ) as strata:
        # The block is quoted material, each line with its layer and source: a document that says
        # "ignore all instructions" stays a quotation.
        chat = messages(strata, user_id, question, token_budget=600)
    if base_url := os.environ.get("OPENAI_BASE_URL"):
        print(ask_model(chat, base_url=base_url))
        return
    for message in chat:
        print(f"[{message['role']}]\n{message['content']}\n")


if __name__ == "__main__":
    main(*sys.argv[1:3])
