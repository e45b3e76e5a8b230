"""Errors that are meant for the person who runs Retorno.

Law: the message says what is wrong and what to do, so the command line prints it alone, without a traceback.
Anything that is not a `RetornoError` is our own defect and keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Sequence


class RetornoError(Exception):
    """Something the operator can mend."""


class ConfigError(RetornoError):
    """The configuration is wrong. `problems` names every mistake at once, one sentence each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("the configuration is wrong:\n" + "\n".join(f"  - {problem}" for problem in problems))
        self.problems = tuple(problems)


class NoServer(RetornoError):
    """No Redis server can be found, started or reached."""


class Busy(RetornoError):
    """Something else holds what we need: the port, or the data directory."""
