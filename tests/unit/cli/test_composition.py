import socket
from pathlib import Path

import pytest

from cli.composition import local_servers, server_addresses, vector_dimension
from cli.declarations import read_policy
from cli.errors import CommandFailed, WrongUse
from cli.settings import Settings
from local.directory import DataDirectory
from local.errors import DataDirectoryBusy
from lookup.errors import PortInUse
from profiles.policy import DEFAULT_POLICY, PolicyError
from streams.embedding import open_embedder

SERVERS = Settings(
    kafka_bootstrap="kafka:9092", redis_url="redis://redis", qdrant_url="http://qdrant:6333"
)


def test_with_servers_a_process_of_its_own_is_possible() -> None:
    addresses = server_addresses(SERVERS, command="worker", needs_kafka=True)
    assert addresses.qdrant_url == "http://qdrant:6333"


def test_a_lookup_of_its_own_needs_no_kafka() -> None:
    settings = SERVERS.model_copy(update={"kafka_bootstrap": None})
    addresses = server_addresses(settings, command="serve", needs_kafka=False)
    assert addresses.redis_url == "redis://redis"


@pytest.mark.parametrize("url", ["edge:///var/lib/qdrant", ":memory:", "memory://"])
def test_storage_with_one_owner_is_refused(url: str) -> None:
    settings = SERVERS.model_copy(update={"qdrant_url": url})
    with pytest.raises(WrongUse, match="needs a Qdrant server"):
        server_addresses(settings, command="worker", needs_kafka=True)


def test_all_missing_servers_are_named_at_once() -> None:
    with pytest.raises(WrongUse, match="STRATA_KAFKA_BOOTSTRAP, STRATA_QDRANT_URL"):
        server_addresses(Settings(redis_url="redis://r"), command="worker", needs_kafka=True)


def test_a_directory_in_use_is_noticed_before_anything_starts(tmp_path: Path) -> None:
    with (
        DataDirectory.lock(tmp_path),
        pytest.raises(DataDirectoryBusy),
        local_servers(Settings(data_dir=tmp_path), progress=pytest.fail),
    ):
        pass


def test_a_port_in_use_is_noticed_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = Settings(data_dir=tmp_path, http_port=taken.getsockname()[1])
        with (
            pytest.raises(PortInUse, match="STRATA_HTTP_PORT"),
            local_servers(settings, progress=pytest.fail),
        ):
            pass


def test_the_policy_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    assert read_policy(Settings()) is DEFAULT_POLICY
    path.write_text("half_rank = 5.0")
    assert read_policy(Settings(policy=path)).half_rank == 5.0
    path.write_text("half_rank = -1.0")
    with pytest.raises(PolicyError):
        read_policy(Settings(policy=path))
    with pytest.raises(CommandFailed, match="cannot be read"):
        read_policy(Settings(policy=tmp_path / "none.toml"))


@pytest.mark.anyio
@pytest.mark.parametrize("model", ["hashing", "hashing:64"])
async def test_the_width_of_vectors_is_that_of_the_model(model: str) -> None:
    assert await vector_dimension(model) == open_embedder(model).dimension


@pytest.mark.anyio
@pytest.mark.text
async def test_the_width_of_the_default_model_is_known_without_loading_it() -> None:
    pytest.importorskip("sentence_transformers")
    model = Settings.model_fields["embedding_model"].default
    assert await vector_dimension(model) == 384
