"""The log: no telephone number gets out, by whatever way, and nobody forges a line."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from ivr import log

NUMBER = "+5511998887766"


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """`set_up` changes the logging of the process; the next test gets it back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    structlog.reset_defaults()
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_number_in_a_value_an_event_a_library_line_or_a_traceback(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    log.set_up("debug", "json" if form == "json" else "text")
    ours = structlog.get_logger()
    ours.info("dialled", number=NUMBER, to="11998887766", nested={"caller": [NUMBER]}, why=f"busy: {NUMBER}.")
    ours.info(f"ringing {NUMBER}")
    logging.getLogger("some.library").warning("POST /call?to=%s", NUMBER)
    try:
        raise ValueError(f"cannot ring {NUMBER}")
    except ValueError:
        ours.exception("failed")
    said = capsys.readouterr().err
    assert "998887766" not in said
    assert said.count("+55…7766") >= 5
    assert "Traceback" in said


def test_ids_and_times_stay_readable() -> None:
    line = {"attempt": "06h0gbtmftdk6k79tzfr_1", "at": "1773147600000", "count": 3, "leg": "agent"}
    assert log.mask(None, "info", dict(line)) == line


@pytest.mark.parametrize(
    ("number", "shown"), [(NUMBER, "+55…7766"), ("12025550123", "120…0123"), ("190", "…"), ("", "…")]
)
def test_a_masked_number(number: str, shown: str) -> None:
    assert log.mask_number(number) == shown


def test_a_value_cannot_begin_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up("info", "text")
    structlog.get_logger().info("said\r\nerror", text="hello\n12:00:00 error all is lost", name='a "quoted" name')
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert r"said\r\nerror" in said


def test_json_lines_are_json(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up("info", "json")
    structlog.get_logger().warning("dial_refused", why="não atende", attempt="a1")
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["level"], line["why"], line["attempt"]) == (
        "dial_refused",
        "warning",
        "não atende",
        "a1",
    )
    assert line["timestamp"].endswith("Z")


def test_the_level_is_kept_and_rq_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up("warning", "text")
    structlog.get_logger().info("not to be seen")
    log.set_up("info", "text")
    logging.getLogger("rq.worker").info("not to be seen either")
    assert capsys.readouterr().err == ""
