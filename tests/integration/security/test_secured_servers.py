"""Settings reach the servers: TLS, certificates, names and passwords; what is wrong is refused."""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
from certificates import Certificates, tls_in_front
from qdrant_server.fixture import QUICK_DIRECTORY, QdrantTestServer
from secured_kafka import PASSWORD, SCRAM_PASSWORD, USER, SecuredKafka
from write_side.ground import Ground
from write_side.running import running
from write_side.waiting import eventually

from cli.errors import CommandFailed
from cli.event_files import OutgoingEvent
from cli.kafka_access import admin_opened, committed_offsets, end_offsets
from cli.publishing import Publisher
from cli.settings import Settings, load_settings
from local.directory import DataDirectory
from local.errors import ProgramMissing
from local.redis import RedisServer
from lookup.ingest_kafka import KafkaEventLog
from lookup.preferences_kafka import KafkaPreferenceLog
from profiles.ids import user_key
from profiles.ports import StoreUnavailable
from schemas import topics
from schemas.fast import decode
from schemas.rejection import Rejection
from stores.connect import open_profile_stores, open_redis
from streams.offsets import kafka_opened

pytestmark = [pytest.mark.anyio, pytest.mark.stack]

_LIKED: Final = (
    b'{"event_id": "e-1", "type": "interaction", "occurred_at": 1650000000,'
    b' "user_id": "anna", "item_id": "emma", "action": "like"}'
)


@pytest.fixture
def settings_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> "SettingsFrom":
    monkeypatch.chdir(tmp_path)
    return SettingsFrom(monkeypatch)


class SettingsFrom:
    """Settings as a process gets them: from its environment."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def __call__(self, variables: Mapping[str, object]) -> Settings:
        for name, value in variables.items():
            self._monkeypatch.setenv(f"STRATA_{name}", str(value))
        return load_settings()


def by_password(kafka: SecuredKafka, certificates: Certificates) -> dict[str, object]:
    return {
        "KAFKA_BOOTSTRAP": kafka.by_password,
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_USERNAME": USER,
        "KAFKA_CA": certificates.ca,
    }


def bootstrap_of(settings: Settings) -> str:
    assert settings.kafka_bootstrap is not None
    return settings.kafka_bootstrap


async def test_worker_service_and_commands_speak_to_a_kafka_that_wants_a_password(
    secured_kafka: SecuredKafka,
    certificates: Certificates,
    settings_from: SettingsFrom,
    tmp_path: Path,
) -> None:
    secret = tmp_path / "password"
    secret.write_text(f"{SCRAM_PASSWORD}\n")
    settings = settings_from(
        {**by_password(secured_kafka, certificates), "KAFKA_PASSWORD_FILE": secret}
    )
    bootstrap = bootstrap_of(settings)
    ground = Ground.new(
        bootstrap=bootstrap,
        redis_url="memory://",
        qdrant_url="memory://",
        directory=str(tmp_path),
        partitions=1,
    )
    async with ground.opened() as opened, running(ground, opened) as worker:
        await worker.worker.ready.wait()
        event = decode(_LIKED, received_ms=2**42)
        assert not isinstance(event, Rejection)
        async with Publisher.opened(bootstrap, partitions=1) as publisher:
            await publisher.send(OutgoingEvent(topics.INTERACTIONS, b"anna", _LIKED, event))

        async def is_folded() -> bool:
            (found,) = await opened.profiles.users.read([user_key("default", "anna")])
            return found is not None and found.version > 0

        await eventually(is_folded, timeout_s=60)
        async with KafkaEventLog.opened(bootstrap):
            pass
        assert [batch async for batch in KafkaPreferenceLog(bootstrap).read()] == []
        async with admin_opened(bootstrap) as admin:
            ends = await end_offsets(admin, bootstrap, [topics.INTERACTIONS])
            assert ends == {(topics.INTERACTIONS, 0): 1}
            assert await committed_offsets(admin, ground.namespace) != {}
        async with kafka_opened(bootstrap) as kafka:
            assert await kafka.places([topics.INTERACTIONS]) == [(topics.INTERACTIONS, 0)]


async def test_plain_passwords_and_certificates_are_taken_too(
    secured_kafka: SecuredKafka, certificates: Certificates, settings_from: SettingsFrom
) -> None:
    plain = settings_from(
        {
            **by_password(secured_kafka, certificates),
            "KAFKA_SASL_MECHANISM": "PLAIN",
            "KAFKA_PASSWORD": PASSWORD,
        }
    )
    async with admin_opened(bootstrap_of(plain)) as admin:
        assert await admin.list_topics() is not None


async def test_a_kafka_that_wants_a_certificate_gets_one(
    secured_kafka: SecuredKafka, certificates: Certificates, settings_from: SettingsFrom
) -> None:
    certified = {
        "KAFKA_BOOTSTRAP": secured_kafka.by_certificate,
        "KAFKA_SECURITY_PROTOCOL": "SSL",
        "KAFKA_CA": certificates.ca,
    }
    nameless = settings_from(certified)
    with pytest.raises(CommandFailed, match="cannot be reached"):
        async with admin_opened(bootstrap_of(nameless)):
            pass
    named = settings_from(
        {
            **certified,
            "KAFKA_CERTIFICATE": certificates.client,
            "KAFKA_KEY": certificates.client_key,
        }
    )
    async with admin_opened(bootstrap_of(named)) as admin:
        assert await admin.list_topics() is not None


@pytest.mark.parametrize("wrong", ["password", "authority", "protocol"])
async def test_whoever_is_wrong_about_a_kafka_is_refused_without_a_word_of_the_password(
    wrong: str,
    secured_kafka: SecuredKafka,
    certificates: Certificates,
    settings_from: SettingsFrom,
    caplog: pytest.LogCaptureFixture,
) -> None:
    given = {**by_password(secured_kafka, certificates), "KAFKA_PASSWORD": SCRAM_PASSWORD}
    match wrong:
        case "password":
            given["KAFKA_PASSWORD"] = PASSWORD
        case "authority":
            given["KAFKA_CA"] = certificates.strangers_ca
        case _:
            given["KAFKA_SECURITY_PROTOCOL"] = "SASL_PLAINTEXT"
            del given["KAFKA_CA"]
    settings = settings_from(given)
    with pytest.raises(CommandFailed) as refused:
        async with admin_opened(bootstrap_of(settings)):
            pass
    for secret in (PASSWORD, SCRAM_PASSWORD):
        assert secret not in f"{refused.value}{refused.value.__cause__!r}{settings!r}{caplog.text}"


@pytest.fixture(scope="module")
def redis_with_password() -> Iterator[int]:
    """Its port; it knows one user, by name and password."""

    class Guarded(RedisServer):
        def _command(self, port: int) -> list[str]:
            return [
                *super()._command(port),
                *("--user", USER, "on", f">{SCRAM_PASSWORD}", "~*", "&*", "+@all"),
            ]

    with (
        tempfile.TemporaryDirectory(prefix="strata-test-") as path,
        DataDirectory.lock(Path(path)) as directory,
    ):
        server = Guarded(directory)
        try:
            server.start()
        except ProgramMissing as missing:
            pytest.skip(str(missing))
        with server:
            yield server.port


async def test_a_redis_behind_tls_is_spoken_to_by_name_password_and_certificate(
    redis_with_password: int, certificates: Certificates, settings_from: SettingsFrom
) -> None:
    # The packaged Valkey is built without TLS; what ends it here asks for certificates as well.
    async with tls_in_front(redis_with_password, certificates, clients_named=True) as port:
        given = {
            "REDIS_URL": f"rediss://127.0.0.1:{port}/0",
            "REDIS_USERNAME": USER,
            "REDIS_PASSWORD": SCRAM_PASSWORD,
            "REDIS_CA": certificates.ca,
            "REDIS_CERTIFICATE": certificates.client,
            "REDIS_KEY": certificates.client_key,
        }
        settings = settings_from(given)
        stores = await open_redis(settings.redis_url or "", namespace="n", partitions=1)
        try:
            await stores.cache.put([(b"k" * 16, 1, b"view")])
            assert await stores.cache.get([b"k" * 16]) == [b"view"]
        finally:
            await stores.close()
        assert SCRAM_PASSWORD not in repr(settings)

        stranger = settings_from({**given, "REDIS_CA": certificates.strangers_ca})
        with pytest.raises(StoreUnavailable, match="certificate verify failed"):
            await open_redis(stranger.redis_url or "", namespace="n", partitions=1)


@pytest.fixture(scope="module")
def qdrant_in_the_clear() -> Iterator[QdrantTestServer]:
    with (
        tempfile.TemporaryDirectory(prefix="strata-test-", dir=QUICK_DIRECTORY) as path,
        QdrantTestServer(Path(path)) as server,
    ):
        yield server


@pytest.mark.parametrize("over", ["REST", "gRPC"])
async def test_a_qdrant_behind_tls_is_known_by_its_authority(
    over: str,
    qdrant_in_the_clear: QdrantTestServer,
    certificates: Certificates,
    settings_from: SettingsFrom,
) -> None:
    rest = urlsplit(qdrant_in_the_clear.rest_url).port or 0
    grpc = int(qdrant_in_the_clear.grpc_url.rpartition("=")[2])
    async with (
        tls_in_front(rest, certificates) as rest_port,
        tls_in_front(grpc, certificates) as grpc_port,
    ):
        chosen = grpc_port if over == "gRPC" else 0
        given = {
            "QDRANT_URL": f"https://127.0.0.1:{rest_port}?grpc_port={chosen}",
            "QDRANT_API_KEY": SCRAM_PASSWORD,
            "QDRANT_CA": certificates.ca,
        }
        settings = settings_from(given)
        stores = await open_profile_stores(
            settings.qdrant_url or "", namespace=over.lower(), dimension=4
        )
        try:
            taken = await stores.control.take(0, "one")
            (claimed,) = await stores.users.claim(
                [("default", "anna")], partition=0, token=taken.token
            )
            assert claimed.user_id == "anna"
        finally:
            await stores.close()
        assert SCRAM_PASSWORD not in repr(settings)

        stranger = settings_from({**given, "QDRANT_CA": certificates.strangers_ca})
        with pytest.raises(StoreUnavailable):
            await open_profile_stores(
                stranger.qdrant_url or "", namespace="n", dimension=4, timeout_s=1.0
            )
