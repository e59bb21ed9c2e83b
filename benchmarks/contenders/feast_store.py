"""Feast over the same Redis: `push` to its online store, then `get_online_features` of one entity.

Runs by an interpreter of its own (`make bench-feast`), so it imports nothing of Strata but what it
is asked and answers. What is pushed is a vector of 128 and seven features; data frames are made
before the clock starts, and times of events grow, so all of them are written.
"""

import time
from datetime import timedelta
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, PushSource, RepoConfig
from feast.data_source import PushMode
from feast.types import Array, Float32, Float64, Int64, String
from feast.value_type import ValueType

from benchmarks.contenders.task import Stopwatch, Task, answer, asked

_DIMENSION = 128
_FEATURES = {
    "vector": Array(Float32),
    "persona": String,
    "mass": Float64,
    "effective_sample_size": Float64,
    "newest_ms": Int64,
    "written_ms": Int64,
    "views": Int64,
    "clicks": Int64,
}


def _store(task: Task) -> FeatureStore:
    address = urlsplit(task.redis_url)
    store = FeatureStore(
        config=RepoConfig(
            project="bench",
            provider="local",
            registry=str(Path(task.directory) / "registry.db"),
            online_store={
                "type": "redis",
                "connection_string": f"{address.hostname}:{address.port},db=1",
            },
            entity_key_serialization_version=3,
        )
    )
    user = Entity(name="user", join_keys=["user_id"], value_type=ValueType.STRING)
    source = PushSource(
        name="profiles_push",
        batch_source=FileSource(
            path=str(Path(task.directory) / "profiles.parquet"), timestamp_field="event_timestamp"
        ),
    )
    view = FeatureView(
        name="profiles",
        entities=[user],
        ttl=timedelta(days=1),
        schema=[
            Field(name="user_id", dtype=String),
            *(Field(name=name, dtype=dtype) for name, dtype in _FEATURES.items()),
        ],
        source=source,
    )
    _rows(2).to_parquet(Path(task.directory) / "profiles.parquet")
    store.apply([user, source, view])
    return store


def _rows(users: int) -> pd.DataFrame:
    chance = np.random.default_rng(3)
    vectors = chance.standard_normal((users, _DIMENSION)).astype(np.float32)
    return pd.DataFrame(
        {
            "user_id": [_user_id(number) for number in range(users)],
            "event_timestamp": pd.Timestamp.now("UTC"),
            "vector": list(vectors / np.linalg.norm(vectors, axis=1, keepdims=True)),
            "persona": "p3",
            "mass": chance.random(users),
            "effective_sample_size": chance.random(users) * 30,
            "newest_ms": 1_735_689_600_000,
            "written_ms": 1_735_689_600_000,
            "views": chance.integers(0, 100, users),
            "clicks": chance.integers(0, 100, users),
        }
    )


def _user_id(number: int) -> str:
    return f"reader-{number:08}"


def measured(task: Task) -> None:
    """Push `events` rows, `batch` at once, and read `lookups` of them one by one."""
    batch, lookups = int(task.options["batch"]), int(task.options["lookups"])
    store, rows = _store(task), _rows(batch)
    frames = [
        rows.assign(event_timestamp=rows["event_timestamp"] + timedelta(seconds=number))
        for number in range(-(-task.events // batch))
    ]
    # Its registry and its connection are there before the clock starts.
    store.push("profiles_push", rows, to=PushMode.ONLINE)
    watch, pushed = Stopwatch(), 0
    watch.start()
    for frame in frames:
        store.push("profiles_push", frame, to=PushMode.ONLINE)
        pushed += len(frame)
    result = watch.result(pushed)
    features = [f"profiles:{name}" for name in _FEATURES]
    took: list[float] = []
    for number in range(lookups):
        user_id = _user_id(number % batch)
        start = time.perf_counter()
        found = store.get_online_features(
            features=features, entity_rows=[{"user_id": user_id}]
        ).to_dict()
        took.append(time.perf_counter() - start)
        if found["user_id"] != [user_id] or len(found["vector"][0]) != _DIMENSION:
            raise RuntimeError("a lookup found something else")
    store.teardown()
    answer(result.with_figures(push_us=result.seconds / pushed * 1e6, read_us=median(took) * 1e6))


if __name__ == "__main__":
    measured(asked())
