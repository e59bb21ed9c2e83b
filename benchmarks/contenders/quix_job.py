"""The same job in Quix Streams: history in its state, a vector per user, upserts to Qdrant.

Decoded by Strata's decoder and weighed by its policy; each user's latest entries lie in the
state store, their projection goes to the same Qdrant segment. It keeps no counters, personas,
updates or cache, and guards nothing against two writers: a lower bound of the whole job.

With the option `batched` points go through a `BatchingSink`, written at each checkpoint as its
documentation advises; else each is written when its event is processed.
"""

import logging
import os
import uuid
from pathlib import Path
from typing import Any

import numpy as np
from qdrant_edge import Distance, EdgeConfig, EdgeShard, EdgeVectorParams, Point, UpdateOperation
from quixstreams import Application, State
from quixstreams.sinks import BatchingSink, SinkBatch

from benchmarks.contenders.task import Stopwatch, answer, asked
from benchmarks.load import Load
from profiles.ids import user_key
from profiles.policy import DEFAULT_POLICY
from schemas.decoded import Interaction
from schemas.fast import decode
from streams.embedding import HashingEmbedder

_DIMENSION = 128
_KEPT = 512

Entry = list[Any]


class _QdrantSink(BatchingSink):
    def __init__(self, shard: EdgeShard) -> None:
        super().__init__()
        self._shard = shard

    def write(self, batch: SinkBatch) -> None:
        latest = {item.value["id"]: item.value for item in batch}
        if latest:
            self._shard.update(UpdateOperation.upsert_points(list(map(_point, latest.values()))))
            self._shard.flush()


def _point(user: dict[str, Any]) -> Point:
    return Point(uuid.UUID(user["id"]), user["vector"], {"entries": user["count"]})


def _item_vectors(load: Load) -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
    events = [decode(value, received_ms=2**42) for _, value in load.item_events()]
    texts = {event.item_id: event.text for event in events}  # type: ignore[union-attr]  # all are
    rows = HashingEmbedder(_DIMENSION).embed(list(texts.values()))
    return dict(zip(texts, rows, strict=True))


def main() -> None:
    """Run until the last event has had its effect."""
    task = asked()
    shard = EdgeShard.create(
        str(Path(task.directory) / "qdrant"),
        EdgeConfig(vectors=EdgeVectorParams(size=_DIMENSION, distance=Distance.Dot)),
    )
    vectors = _item_vectors(Load(items=int(task.options["items"])))
    app = Application(
        broker_address=task.bootstrap,
        consumer_group=task.name,
        auto_offset_reset="earliest",
        state_dir=Path(task.directory) / "state",
        commit_interval=float(task.options.get("commit_interval_s", 5.0)),
        loglevel=logging.ERROR,
    )
    watch, counted = Stopwatch(), 0

    def fold(value: bytes, state: State) -> dict[str, Any]:
        event = decode(value, received_ms=2**42)
        if not isinstance(event, Interaction):
            raise TypeError("the load is interactions")
        weight = DEFAULT_POLICY.rule(event.action).weigh(event.value)
        entries: list[Entry] = state.get("entries", [])
        # A list, as the state gives back: time, item, weight.
        entries.append([event.occurred_at_ms, event.item_id, weight])
        entries = sorted(entries)[-_KEPT:]
        state.set("entries", entries)
        rank = np.arange(len(entries) - 1, -1, -1)
        age_s = (entries[-1][0] - np.array([entry[0] for entry in entries])) / 1_000.0
        decay = np.exp2(-rank / DEFAULT_POLICY.half_rank - age_s / DEFAULT_POLICY.half_life_s)
        total = (np.array([entry[2] for entry in entries]) * decay) @ np.stack(
            [vectors[entry[1]] for entry in entries]
        )
        norm = float(np.linalg.norm(total)) or 1.0
        return {
            "id": str(uuid.UUID(bytes=user_key(event.tenant, event.user_id))),
            "vector": (total / norm).tolist(),
            "count": len(entries),
        }

    def upsert(user: dict[str, Any]) -> None:
        shard.update(UpdateOperation.upsert_points([_point(user)]))

    def count(_: object) -> None:
        nonlocal counted
        watch.start()
        counted += 1
        if counted == task.events:
            # What the last checkpoint would still write is in the peer's favour.
            answer(watch.result(counted))
            os._exit(0)

    source = app.topic(task.topic, value_deserializer="bytes", key_deserializer="bytes")
    users = app.dataframe(source).apply(fold, stateful=True)
    if task.options.get("batched"):
        users.sink(_QdrantSink(shard))
    else:
        users.update(upsert)
    users.update(count)
    app.run()


if __name__ == "__main__":
    main()
