"""Many conversations at once, each a test of its own.

    @story()
    def test_an_agent_talks_to_a_caller(desk: Desk) -> None: ...

Law: a conversation has its desk for itself, so that it does not matter what goes on at the others; the tests of a file begin
together, in threads, in one company, and each test then waits for its own. A test that is run alone is the only one that begins.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from company import Company, Desk

AT_ONCE = 10
PATIENCE_S = 170

Story = Callable[[Desk], None]


def story(rules: str = "") -> Callable[[Story], Callable[..., None]]:
    """A conversation at a desk of its own, whose queue has these rules."""

    def taken(tell: Story) -> Callable[..., None]:
        def test(told: Told, request: pytest.FixtureRequest) -> None:
            told.outcome(request.node.originalname)

        test.__name__, test.__doc__, test.__module__ = tell.__name__, tell.__doc__, tell.__module__
        test.story, test.rules = tell, rules  # type: ignore[attr-defined]
        return test

    return taken


@dataclass
class Told:
    """The conversations of a file, under way."""

    company: Company
    futures: dict[str, Future[None]] = field(default_factory=dict)

    def outcome(self, name: str) -> None:
        self.futures[name].result(PATIENCE_S)


def tell_all(request: pytest.FixtureRequest, binary: Path, **how: Any) -> Iterator[Told]:
    """For a module's `told` fixture: a company with a desk for each of the file's stories that are to run, all begun."""
    here = [item for item in request.session.items if getattr(item, "module", None) is request.module]
    tests = {item.originalname: item.function for item in here if hasattr(getattr(item, "function", None), "story")}
    with Company({name: test.rules for name, test in tests.items()}, binary, **how) as company:
        pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="story")
        stop = threading.Event()
        told = Told(company)
        for name, test in tests.items():
            told.futures[name] = pool.submit(_tell, test.story, company.desk(name), stop)
        try:
            yield told
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)


def _tell(story: Story, desk: Desk, stop: threading.Event) -> None:
    """One conversation; when it fails, with what its desk has seen."""
    if stop.is_set():
        return
    try:
        story(desk)
    except BaseException as error:
        mine = (line for line in desk.node.cli("core show channels verbose").splitlines() if desk.owns(line))
        error.add_note("\n".join([desk.told(), *mine]))
        raise
