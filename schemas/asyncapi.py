"""The AsyncAPI 3 description of Strata's topics, as plain values."""

from typing import Final

from schemas import topics
from schemas.json_values import Json

ASYNCAPI_VERSION: Final = "3.0.0"
PERSONA_EVENT: Final = "persona_event"
_SCHEMA_FORMAT: Final = "application/schema+json;version=draft-2020-12"
_FOREVER: Final[dict[str, Json]] = {"cleanup.policy": ["delete"], "retention.ms": -1}
_COMPACTED: Final[dict[str, Json]] = {"cleanup.policy": ["compact"]}

_USER_KEY: Final = (
    "The user's id in UTF-8 for the tenant `default`; for other tenants, and for ids that start "
    "with `[`, the compact JSON array `[tenant,id]`. Partitioned by murmur2."
)
_ITEM_KEY: Final = _USER_KEY.replace("The user's id", "The item's id", 1)

_INPUTS: Final[dict[str, str]] = {
    topics.INTERACTIONS: "What users do with items.",
    topics.PREFERENCES: "Which of two things a user chose.",
    topics.DOCUMENTS: "What users wrote.",
    topics.ATTRIBUTES: "What is static about users, and which ids are one user. Kept for ever.",
    topics.CONSENTS: "Which kinds of data may be used, and which lines are gone. Kept for ever.",
    topics.ERASURES: "Users who are to be forgotten. Kept for ever.",
    topics.ITEMS: "What is offered, or no longer. Compacted.",
}
_OUTPUTS: Final[dict[str, str]] = {
    topics.DEAD_LETTERS: (
        "Records that are no events, each with its reason, its source position and its raw bytes "
        "(cut at 256 KB, with hash and length), under its original key. Internal, binary."
    ),
    topics.PROFILE_UPDATES: (
        "What changed in a user's profile since the version before. Internal, binary."
    ),
    topics.ITEM_VECTORS: (
        "Each item's place in the item space, under the item's key. Compacted; every worker reads "
        "all of it. Internal, binary."
    ),
    topics.PERSONAS: (
        "Each tenant's persona centroids, and the item space they lie in. One partition, "
        "compacted; every worker reads all of it. Internal, binary."
    ),
    topics.PERSONA_EVENTS: (
        "Births, splits, merges and ends of personas, under the tenant's name. One partition, kept "
        "for ever."
    ),
}
_TOPIC_CONFIGURATION: Final[dict[str, dict[str, Json]]] = {
    topics.ATTRIBUTES: _FOREVER,
    topics.CONSENTS: _FOREVER,
    topics.ERASURES: _FOREVER,
    topics.ITEMS: _COMPACTED,
    topics.ITEM_VECTORS: _COMPACTED,
    topics.PERSONAS: _COMPACTED,
    topics.PERSONA_EVENTS: _FOREVER,
}


def describe(version: str) -> dict[str, Json]:
    """The document; its messages refer to the JSON Schemas that lie beside it.

    Args:
        version: Of the contracts, as the document states it.
    """
    messages: dict[str, Json] = {
        kind: _event_message(kind, topic) for kind, topic in topics.TOPIC_OF.items()
    }
    messages |= {
        topic: _persona_message() if topic == topics.PERSONA_EVENTS else _binary_message(text)
        for topic, text in _OUTPUTS.items()
    }
    return {
        "asyncapi": ASYNCAPI_VERSION,
        "info": {
            "title": "Strata",
            "version": version,
            "description": (
                "One JSON object per Kafka record. CloudEvents 1.0 in Kafka binary or structured "
                "mode is accepted too, with `type` = `strata.<type>.v1`, `id` = `event_id` and "
                "`time` = `occurred_at`. Unknown fields are ignored, `null` counts as absent. "
                "A record that is no event goes to `strata.dead-letters`."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {topic: _channel(topic) for topic in (*_INPUTS, *_OUTPUTS)},
        "operations": {
            _operation_name(topic): {
                "action": "receive" if topic in _INPUTS else "send",
                "channel": {"$ref": f"#/channels/{topic}"},
            }
            for topic in (*_INPUTS, *_OUTPUTS)
        },
        "components": {"messages": messages},
    }


def schema_file(kind: str) -> str:
    """The name of the file that holds an event type's JSON Schema."""
    return f"{kind}.schema.json"


def _channel(topic: str) -> dict[str, Json]:
    kinds = [kind for kind, channel in topics.TOPIC_OF.items() if channel == topic] or [topic]
    channel: dict[str, Json] = {
        "address": topic,
        "description": (_INPUTS | _OUTPUTS)[topic],
        "messages": {kind: {"$ref": f"#/components/messages/{kind}"} for kind in kinds},
    }
    if configuration := _TOPIC_CONFIGURATION.get(topic):
        channel["bindings"] = {"kafka": {"topicConfiguration": configuration}}
    return channel


def _event_message(kind: str, topic: str) -> dict[str, Json]:
    key = _ITEM_KEY if topic == topics.ITEMS else _USER_KEY
    return {
        "name": kind,
        "contentType": "application/json",
        "bindings": {"kafka": {"key": {"type": "string", "description": key}}},
        "payload": {"schemaFormat": _SCHEMA_FORMAT, "schema": {"$ref": f"./{schema_file(kind)}"}},
    }


def _persona_message() -> dict[str, Json]:
    return {
        "name": PERSONA_EVENT,
        "contentType": "application/json",
        "bindings": {
            "kafka": {"key": {"type": "string", "description": "The tenant's name in UTF-8."}}
        },
        "payload": {
            "schemaFormat": _SCHEMA_FORMAT,
            "schema": {"$ref": f"./{schema_file(PERSONA_EVENT)}"},
        },
    }


def _binary_message(description: str) -> dict[str, Json]:
    return {"contentType": "application/octet-stream", "description": description}


def _operation_name(topic: str) -> str:
    verb = "receive" if topic in _INPUTS else "send"
    words = topic.removeprefix("strata.").split("-")
    return verb + "".join(word.capitalize() for word in words)
