"""The job of `ready_to_dial.py` that does nothing but tell when its first line ran."""

from __future__ import annotations

import time

from rq import get_current_job


def first_line() -> None:
    at = time.monotonic()
    job = get_current_job()
    assert job is not None
    job.connection.rpush("first_line", repr(at))
