"""Apache Kafka as a child process: one KRaft node, broker and controller in one."""

import base64
import os
import re
import struct
import subprocess
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

from local.child import Child
from local.directory import DataDirectory
from local.disk import MINIMUM_FREE_BYTES, full_disk_named
from local.errors import StartTimeout
from local.jars import KafkaJars
from local.java import find_java
from local.ports import LOOPBACK, answers, free_port
from local.server import START_TIMEOUT_S, Server

# Measured in docs/adr/0003: a third less memory and start-up time than the JVM's own choice.
_JVM_OPTIONS = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
)
_CLUSTER_ID = re.compile(r"^cluster\.id=(\S+)$", re.MULTILINE)
_METADATA, _METADATA_VERSION = 3, 5


def silent(_message: str) -> None:
    """Show no progress."""


class KafkaServer(Server):
    """Kafka on a loopback port whose topics, records and committed offsets survive it.

    Records survive a killed process (they are with the kernel); a lost machine may lose what
    the kernel had not written yet, because one node has no replica to make up for it.
    """

    name = "kafka"
    format_options: Sequence[str] = ()
    """Further ones of the tool that formats the storage; none but in tests."""

    _java: Sequence[str]
    _cluster_id: str

    def __init__(
        self,
        directory: DataDirectory,
        *,
        port: int | None = None,
        heap: str = "512m",
        jars: KafkaJars | None = None,
        minimum_free_bytes: int = MINIMUM_FREE_BYTES,
        start_timeout_s: float = START_TIMEOUT_S,
        progress: Callable[[str], None] = silent,
    ) -> None:
        """Nothing is started yet.

        Args:
            directory: Locked; files go to `kafka/` in it.
            port: A given port is used or refused; without one a free port is found.
            heap: Limit of the Java heap, as after `-Xmx`; 256m or more.
            jars: Which Kafka; by default 4.4.0 from Maven Central.
            minimum_free_bytes: Space to insist on before starting.
            start_timeout_s: Patience of `wait_ready`, which leaves out the download; > 0.
            progress: Told one line before each step that takes long.
        """
        super().__init__(
            directory,
            port=port,
            minimum_free_bytes=minimum_free_bytes,
            start_timeout_s=start_timeout_s,
        )
        self._heap = heap
        self._jars = KafkaJars() if jars is None else jars
        self._progress = progress

    @property
    def address(self) -> str:
        """`127.0.0.1:PORT`, for `bootstrap_servers`."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def _logs(self) -> Path:
        return self.path / "logs"

    @property
    def _properties(self) -> Path:
        return self.path / "server.properties"

    def _prepare(self) -> None:
        # Java first: the download is in vain without it.
        java = find_java()
        class_path = os.pathsep.join(map(str, self._jars.class_path(self._progress)))
        self._java = [str(java), f"-Xmx{self._heap}", *_JVM_OPTIONS, "-cp", class_path]
        if not (self._logs / "meta.properties").exists():
            self._format()
        found = _CLUSTER_ID.search((self._logs / "meta.properties").read_text())
        if found is None:
            raise ValueError(f"{self._logs / 'meta.properties'} names no cluster.id")
        self._cluster_id = found[1].replace("\\", "")

    def _format(self) -> None:
        """Give the storage its cluster id; writing `meta.properties` is its last step."""
        self._progress("formatting Kafka's storage")
        # The letter in front, because the tool would take a dash for an option.
        cluster_id = "S" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]
        self._write_properties(port=free_port())
        tool = Child.start(
            "kafka-format",
            [
                *(*self._java, "kafka.tools.StorageTool", "format", "--ignore-formatted"),
                *("--cluster-id", cluster_id, "--config", str(self._properties)),
                *self.format_options,
            ],
            directory=self._directory,
            working_path=self.path,
        )
        try:
            code = tool.wait(timeout_s=self._start_timeout_s)
        except subprocess.TimeoutExpired as error:
            raise StartTimeout(
                tool.name,
                timeout_s=self._start_timeout_s,
                log_path=tool.log_path,
                log_tail=tool.log_tail(),
            ) from error
        finally:
            tool.stop()
        if code != 0:
            raise tool.death(code)

    def _command(self, port: int) -> Sequence[str]:
        self._write_properties(port=port)
        return [*self._java, "kafka.Kafka", str(self._properties)]

    def _write_properties(self, *, port: int) -> None:
        # The ports are new at every start; nothing that is stored names them.
        controller_port = free_port()
        properties = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{LOOPBACK}:{controller_port}",
            "listeners": f"CLIENT://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller_port}",
            "advertised.listeners": f"CLIENT://{LOOPBACK}:{port}",
            "listener.security.protocol.map": "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "CLIENT",
            "controller.listener.names": "CONTROLLER",
            # Below the working directory, because Kafka would split a path at its commas.
            "log.dirs": self._logs.name,
            "auto.create.topics.enable": "false",
            # One node: nothing can be replicated.
            "default.replication.factor": "1",
            "min.insync.replicas": "1",
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "4",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "share.coordinator.state.topic.num.partitions": "1",
            # A first consumer need not wait for others to join it.
            "group.initial.rebalance.delay.ms": "0",
            # A heartbeat brings the broker to life; the default is one in 2 s.
            "broker.heartbeat.interval.ms": "200",
            # A small machine has better uses for threads and memory than one busy client.
            "num.network.threads": "2",
            "num.io.threads": "4",
            "background.threads": "2",
            "log.cleaner.dedupe.buffer.size": str(16 * 2**20),
        }
        text = "".join(f"{name}={value}\n" for name, value in properties.items())
        with full_disk_named(self._directory.path):
            self.path.mkdir(parents=True, exist_ok=True)
            self._properties.write_text(text)

    def _is_ready(self) -> bool:
        # Its cluster id tells it from a stranger who was quicker to take the port.
        host, cluster = LOOPBACK.encode(), self._cluster_id.encode()
        return answers(
            self._port,
            _metadata_request(),
            expected=[
                struct.pack(">h", len(host)) + host + struct.pack(">i", self._port),
                struct.pack(">h", len(cluster)) + cluster,
            ],
        )


def _metadata_request() -> bytes:
    """Kafka's Metadata request for no topic: the answer lists living brokers and the cluster."""
    client = b"strata"
    header = struct.pack(">hhih", _METADATA, _METADATA_VERSION, 1, len(client)) + client
    no_topics_none_created = struct.pack(">i?", 0, False)
    body = header + no_topics_none_created
    return struct.pack(">i", len(body)) + body
