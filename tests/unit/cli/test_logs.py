import json
import logging
import warnings
from collections.abc import Iterator

import pytest
import structlog

from cli.logs import LogFormat, configure_logs, configure_quiet


def fail() -> None:
    secret = "what a person " + "wrote"
    raise ValueError(len(secret))


def test_a_line_is_key_and_value(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(level="info")
    structlog.get_logger("test").info("partition taken", partition=3)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "level='info' event='partition taken' partition=3" in captured.err


def test_json_is_one_object_per_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(level="info", form="json")
    structlog.get_logger("test").info("partition taken", partition=3)
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["partition"], line["level"]) == ("partition taken", 3, "info")


@pytest.mark.parametrize("form", ["text", "json"])
def test_tracebacks_name_places_but_no_values(
    form: LogFormat, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs(level="info", form=form)
    log = structlog.get_logger("test")
    try:
        fail()
    except ValueError:
        log.exception("bug")
        logging.getLogger("faust").exception("theirs")
    written = capsys.readouterr().err
    assert written.count("test_logs.py") >= 2
    assert "what a person wrote" not in written


def test_libraries_write_in_the_same_form_from_warnings_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs(level="debug", form="json")
    logging.getLogger("aiokafka").info("chatter")
    logging.getLogger("aiokafka").warning("trouble with %s", "a broker")
    assert json.loads(capsys.readouterr().err)["event"] == "trouble with a broker"


def test_below_its_level_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(level="warning")
    structlog.get_logger("test").info("chatter")
    assert capsys.readouterr().err == ""


def test_quiet_commands_leave_the_talking_to_the_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_quiet()
    logging.getLogger("aiokafka").error("cannot connect")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("deprecated", stacklevel=1)
    assert capsys.readouterr().err == ""


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
