"""What each part's errors mean to a person."""

import structlog
from aiokafka.errors import KafkaError

from cli.logs import configure_quiet
from local.errors import LocalStackError
from lookup.errors import PortInUse, TemplateUnusable, TokenizerMissing
from profiles.policy import PolicyError
from profiles.ports import Fenced, StoreUnavailable
from profiles.rules import DeclarationError
from stores.archive import UnusableArchive
from stores.errors import StoreInUse, StoreMismatch, UnknownStore
from stores.versions import VersionConflict, VersionRefused, VersionsUnreadable
from streams.backup import NotEmpty
from streams.embedding import EmbeddingModelMissing
from streams.offsets import GroupAtWork
from streams.topics import PartitionCountMismatch, TopicsUnavailable

__all__ = ["line_of", "record_bug"]

_log = structlog.get_logger(__name__)


def line_of(error: BaseException) -> str | None:
    """What to tell a person about an error that is no bug; None if it is one."""
    match error:
        case PartitionCountMismatch():
            return f"{error} (STRATA_PARTITIONS says how many)"
        case StoreMismatch():
            return f"{error}; was another STRATA_EMBEDDING_MODEL or STRATA_PARTITIONS used before?"
        case EmbeddingModelMissing():
            return f"{error}, or use STRATA_EMBEDDING_MODEL=hashing, which needs no model"
        case (
            LocalStackError()
            | PortInUse()
            | TemplateUnusable()
            | TokenizerMissing()
            | PolicyError()
            | DeclarationError()
            | StoreUnavailable()
            | StoreInUse()
            | UnknownStore()
            | TopicsUnavailable()
            | UnusableArchive()
            | NotEmpty()
            | GroupAtWork()
            | VersionRefused()
            | VersionConflict()
            | VersionsUnreadable()
        ):
            return str(error)
        case Fenced():
            return f"another worker took over: {error}"
        case KafkaError():
            return f"Kafka: {error}"
        case OSError() if error.strerror is not None:
            return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
        case BaseExceptionGroup() if error.exceptions:
            return line_of(error.exceptions[0])
        case _:
            return None


def record_bug(error: BaseException) -> None:
    """The traceback, without values of variables: they may be a person's words."""
    if not structlog.is_configured():
        # Unconfigured, structlog would print them.
        configure_quiet()
    _log.error("bug", exc_info=error)
