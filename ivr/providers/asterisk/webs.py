"""Whether a web server answers: without one nobody is rung, for he would answer to an apology.

Law: they are asked all the time, not when a call is to be placed. One answer of any of them is enough, and one silence is nothing: only
when none has answered for a while is there none. An installation that names none is not asked about.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import Final

import requests
import structlog

log = structlog.get_logger()

ASK_S: Final = 1.0
"""Between two rounds, and the longest that one answer may take."""
SILENT_S: Final = 3.0


class Webs:
    """The web servers at `urls`. `watch` is for a thread of its own."""

    def __init__(self, urls: Iterable[str]) -> None:
        self._urls = tuple(urls)
        self._heard_at = time.monotonic()
        self._told = True

    @property
    def answer(self) -> bool:
        return not self._urls or time.monotonic() - self._heard_at < SILENT_S

    def watch(self, stop: threading.Event) -> None:
        """Until `stop`."""
        with requests.Session() as http:
            http.trust_env = False  # no proxy stands between a node and its web server
            while not stop.is_set():
                if any(_answers(http, url) for url in self._urls):
                    self._heard_at = time.monotonic()
                if self.answer != self._told:
                    self._told = self.answer
                    (log.info if self._told else log.warning)("webs_answer" if self._told else "no_web_answers")
                stop.wait(ASK_S)


def _answers(http: requests.Session, url: str) -> bool:
    """Whether there is a web server. A proxy that has none behind it says so with 502, 503 or 504."""
    try:
        return http.get(f"{url}/livez", timeout=ASK_S, allow_redirects=False).status_code < 502
    except requests.RequestException:
        return False
