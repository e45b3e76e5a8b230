"""The flow's own tests: that there are some, that they pass, and that they come to every step.

Law: lint runs no test. `ivr.flow.trial` does, and says in a `Tried` what it saw.
"""

from __future__ import annotations

from collections.abc import Iterator

from ivr.flow.lint.draft import Draft, Rule
from ivr.flow.problems import Problem, Severity

UNTESTED_STEP = Rule("untested-step", Severity.WARNING, "no test comes to this step", whole=True)
FAILING_TEST = Rule("failing-test", Severity.ERROR, "a test of the flow fails", whole=True)


def untested(draft: Draft) -> Iterator[Problem]:
    if not draft.flow.tests:
        message = f'flow "{draft.flow.flow}" has no tests'
        yield draft.problem(
            UNTESTED_STEP, ("flow",), message, "add tests: with one call for each way through", key=True
        )
        return
    if draft.tried is None or draft.tried.failed:
        return  # a test that fails ends early, and what it did not come to says nothing
    for name in draft.reachable():
        if name not in draft.tried.visited:
            message = f'no test comes to step "{name}"'
            yield draft.problem(UNTESTED_STEP, ("steps", name), message, "add a call that does", key=True)


def failing(draft: Draft) -> Iterator[Problem]:
    for index, why in (draft.tried.failed if draft.tried else {}).items():
        if index < len(draft.flow.tests):
            message = f'test "{draft.flow.tests[index].name}" fails: {why}'
            yield draft.problem(FAILING_TEST, ("tests", index), message, "mend the flow, or the test")
