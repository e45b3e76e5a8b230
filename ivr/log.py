"""The log: one line per fact, to standard error, without a telephone number in it.

Law: masking happens in the last step, for our own lines and for those of every library, so that no caller of the log has to
think of it. A line has no line breaks from outside in it (values are quoted), so nobody can forge one.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Literal

import structlog

_SENSITIVE = frozenset({"number", "phone", "to", "from", "caller", "caller_id", "digits", "address"})
_PLUS_NUMBER = re.compile(r"\+\d{7,15}")
_DIGITS = re.compile(r"\d")

Line = MutableMapping[str, Any]


def set_up(level: str = "info", form: Literal["text", "json"] = "text") -> None:
    """Send every log line of this process, ours or a library's, through the same masking to standard error."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    render: structlog.types.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False) if form == "json" else _as_text
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, mask, render],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for noisy in ("rq", "rq.worker", "rq.job", "urllib3", "werkzeug", "twilio"):  # rq sets its own to INFO
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))


def mask(_logger: object, _method: str, line: Line) -> Line:
    """Hide telephone numbers: whole values under telling names, and anything like +5511999998888 wherever it stands."""
    return {key: _masked(key, value) for key, value in line.items()}


def mask_number(number: str) -> str:
    """`+5511999998888` -> `+55…8888`: enough to recognise one's own, too little to ring."""
    return f"{number[:3]}…{number[-4:]}" if len(number) > 8 else "…"


def _masked(key: str, value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _masked(str(k), v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(key, v) for v in value]
    if not isinstance(value, str):
        return value
    if key in _SENSITIVE and _DIGITS.search(value):
        return mask_number(value)
    return _PLUS_NUMBER.sub(lambda found: mask_number(found[0]), value)


def _as_text(_logger: object, _method: str, line: Line) -> str:
    """`12:00:01.234 warning dial_refused attempt=... why="..."`, tracebacks below."""
    time, level = str(line.pop("timestamp", ""))[11:23], str(line.pop("level", ""))
    event, trace = str(line.pop("event", "")), line.pop("exception", None)
    values = " ".join(f"{key}={_quoted(value)}" for key, value in line.items())
    text = f"{time} {level:<7} {_one_line(event)} {values}".rstrip()
    return f"{text}\n{trace}" if trace else text


def _quoted(value: object) -> str:
    text = str(value)
    return text if re.fullmatch(r"[^\s\"=]+", text) else repr(text)


def _one_line(text: str) -> str:
    return text.replace("\r", "\\r").replace("\n", "\\n")
