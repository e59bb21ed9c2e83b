"""Kafka's jars: fetched once per user from a Maven repository, then at hand without a network."""

import fcntl
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from xml.etree.ElementTree import ParseError

from local.disk import full_disk_named, is_full
from local.errors import DownloadFailed, ResolverMissing

MAVEN_CENTRAL = "https://repo.maven.apache.org/maven2"
KAFKA_COORDINATE = "org.apache.kafka:kafka_2.13:4.4.0"
# Kafka's own artifact names no slf4j binding; without one its log, and so its last words, is lost.
_LOGGING_COORDINATE = "org.slf4j:slf4j-simple:1.7.36"
_PARALLEL_DOWNLOADS = 8
_CAUSE_CHARACTERS = 200


class _Artifact(Protocol):
    """The part of jgo's artifact that is used here."""

    def resolve(self) -> Path: ...


def user_cache() -> Path:
    """Where this user's downloads are kept, apart from any data directory."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "strata"


@dataclass(frozen=True, slots=True)
class KafkaJars:
    """Which Kafka, from where, kept where.

    Attributes:
        coordinate: Maven `group:artifact:version`.
        repository: URL of a Maven repository.
        cache: Directory shared by all data directories of a user.
    """

    coordinate: str = KAFKA_COORDINATE
    repository: str = MAVEN_CENTRAL
    cache: Path = field(default_factory=user_cache)

    def class_path(self, progress: Callable[[str], None]) -> list[Path]:
        """All jars that Kafka needs, fetched first if this user never had them.

        A directory under its final name is complete: jars are fetched beside it, checked
        and renamed, because jgo would take a half-written jar of an interrupted run for good.

        Raises:
            DownloadFailed: no network, no such coordinate, or a damaged jar.
            DiskFull: no space in the cache.
            ResolverMissing: not cached and jgo is not installed.
        """
        kept = self.cache / self.coordinate.replace(":", "-")
        if not kept.is_dir():
            try:
                with full_disk_named(self.cache):
                    self.cache.mkdir(parents=True, exist_ok=True)
                    with _one_at_a_time(kept.with_name(f"{kept.name}.lock")):
                        if not kept.is_dir():
                            self._fetch(kept, progress)
            except OSError as error:
                raise self._failed(error) from error
        return sorted(kept.glob("*.jar"))

    def _fetch(self, kept: Path, progress: Callable[[str], None]) -> None:
        partial = kept.with_name(f"{kept.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        progress(f"downloading {self.coordinate} (about 45 MB, once)")
        try:
            artifacts = self._resolve(partial / "repository")
            jars = partial / "jars"
            jars.mkdir(parents=True)
            for jar in _download(artifacts):
                _require_whole(jar)
                jar.rename(jars / jar.name)
            jars.rename(kept)
        # What jgo raises: RuntimeError and ValueError of its own, requests' errors (OSError),
        # and those of the XML it reads.
        except (RuntimeError, ValueError, ParseError, zipfile.BadZipFile) as error:
            raise self._failed(error) from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def _resolve(self, repository_cache: Path) -> list[_Artifact]:
        try:
            from jgo.maven import MavenContext  # noqa: PLC0415 - an extra, and slow to import
            from jgo.parse import Coordinate  # noqa: PLC0415
        except ImportError as error:
            raise ResolverMissing(self.coordinate) from error
        # jgo's environment builder is passed by: to sort jars into class and module path,
        # which does not matter here, it would first download a whole JDK 11.
        context = MavenContext(
            repo_cache=repository_cache, remote_repos={"strata": self.repository.rstrip("/")}
        )
        wanted = [
            context.create_dependency(Coordinate(*coordinate.split(":"), scope="compile"))
            for coordinate in (self.coordinate, _LOGGING_COORDINATE)
        ]
        inputs, transitive = context.resolver.resolve(wanted)
        return [
            dependency.artifact
            for dependency in (*inputs, *transitive)
            if dependency.scope in {"compile", "runtime"}
        ]

    def _failed(self, error: Exception) -> DownloadFailed:
        return DownloadFailed(self.coordinate, self.repository, _cause(error))


@contextmanager
def _one_at_a_time(lock_path: Path) -> Iterator[None]:
    with lock_path.open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _download(artifacts: Sequence[_Artifact]) -> list[Path]:
    with ThreadPoolExecutor(_PARALLEL_DOWNLOADS) as pool:
        downloads = [pool.submit(artifact.resolve) for artifact in artifacts]
        try:
            return [download.result() for download in downloads]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _require_whole(jar: Path) -> None:
    with zipfile.ZipFile(jar) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        raise zipfile.BadZipFile(f"{jar.name} is damaged at {damaged}")


def _cause(error: BaseException) -> str:
    """The system's own words where there are any: libraries wrap them in pages of theirs."""
    deepest: BaseException = error
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, OSError) and found.errno is not None:
            deepest = found
            if is_full(found):
                break
        found = found.__cause__ or found.__context__
    text = " ".join(str(deepest).split()) or type(deepest).__name__
    return text[:_CAUSE_CHARACTERS]
