"""Logs: fixed sentences with ids, as key=value or JSON lines on stderr."""

import logging
import sys
from typing import Final, Literal

import structlog
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, Processor, WrappedLogger

from cli.tracing import span_ids

__all__ = ["LogFormat", "LogLevel", "configure_logs", "configure_quiet"]

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["text", "json"]

_LEVELS: Final = logging.getLevelNamesMapping()


def configure_logs(
    *, level: LogLevel, form: LogFormat = "text", libraries: int = logging.WARNING
) -> None:
    """Send our logs and those of libraries to stderr in one form.

    Tracebacks name places but no values of variables: those may be a person's words.

    Args:
        level: Least severe of our own that is written.
        libraries: Least severe of Faust's, aiokafka's and the others'.
    """
    shared: list[Processor] = [
        # What holds for all that a request causes, such as its id.
        structlog.contextvars.merge_contextvars,
        span_ids,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _tracebacks(form),
    ]
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level.upper()]),
        processors=[*shared, _renderer(form)],
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _renderer(form),
            ],
        )
    )
    logging.captureWarnings(capture=True)
    logging.basicConfig(handlers=[handler], level=libraries, force=True)


def configure_quiet() -> None:
    """For commands that end soon: what goes wrong is told in one line, by the command."""
    configure_logs(level="error", libraries=logging.CRITICAL)


def _tracebacks(form: LogFormat) -> Processor:
    if form == "json":
        return structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False))
    return structlog.processors.format_exc_info


def _renderer(form: LogFormat) -> Processor:
    if form == "json":
        return structlog.processors.JSONRenderer()
    return _as_text


_key_values = structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"])


def _as_text(logger: WrappedLogger, name: str, event: EventDict) -> str:
    """One line of key=value; a traceback follows on lines of its own."""
    traceback = event.pop("exception", None)
    line = _key_values(logger, name, event)
    return line if traceback is None else f"{line}\n{traceback}"
