"""Names that point outside the step: queues, skills, hours, boxes, flows.

Law: checked against what the running configuration has; what is not known is not checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ivr.flow.lint.draft import Draft, Rule, steps_of
from ivr.flow.lint.marks import marked
from ivr.flow.lint.values import expressions, templates
from ivr.flow.problems import Problem, Severity, expected
from ivr.flow.steps.callback import CallbackStep
from ivr.flow.steps.queue import QueueStep

UNKNOWN_QUEUE = Rule("unknown-queue", Severity.ERROR, "there is no such queue")
UNKNOWN_SKILL = Rule("unknown-skill", Severity.ERROR, "no agent of the queue has this skill by name")
UNKNOWN_HOURS = Rule("unknown-hours", Severity.ERROR, "there are no such opening hours")
UNKNOWN_BOX = Rule("unknown-box", Severity.ERROR, "there is no such mailbox")
UNKNOWN_FLOW = Rule("unknown-flow", Severity.ERROR, "there is no such flow")
NUMBER_CLASH = Rule("number-clash", Severity.ERROR, "two flows answer the same dialled number")
CALLBACK_OUTSIDE_HOURS = Rule("callback-outside-hours", Severity.ERROR, "a callback ends before it can be made")


def names(draft: Draft) -> Iterator[Problem]:
    known = draft.known
    hours = {*known.hours, *draft.flow.hours}
    yield from _named(draft, UNKNOWN_QUEUE, "queue", "queue", known.queues)
    yield from _named(draft, UNKNOWN_HOURS, "hours", "hours", hours)
    yield from _named(draft, UNKNOWN_BOX, "box", "mailbox", known.boxes)
    flows = None if known.flows is None else {*known.flows, draft.flow.flow}
    yield from _named(draft, UNKNOWN_FLOW, "flow", "flow", flows)


def _named(draft: Draft, rule: Rule, kind: str, what: str, there: Iterable[str] | None) -> Iterator[Problem]:
    if there is None:
        return
    allowed = sorted(there)
    for name, step in draft.flow.steps.items():
        for path, value in marked(step, kind):
            if value not in allowed:
                where = ("steps", name, *path)
                are = "are no" if kind == "hours" else "is no"
                yield draft.problem(rule, where, f'there {are} {what} "{value}"', expected(allowed, value))


def names_in_expressions(draft: Draft) -> Iterator[Problem]:
    """`hours.<name>`, `open(name)` and `queue.<name>.wait`."""
    hours = sorted({*draft.known.hours, *draft.flow.hours})
    queues = draft.known.queues
    for value in (*expressions(draft), *templates(draft)):
        for name in sorted(value.names):
            parts = name.split(".")
            if parts[0] == "hours" and parts[1] not in hours:
                message = f'there are no hours "{parts[1]}"'
                yield draft.problem(UNKNOWN_HOURS, value.path, message, expected(hours, parts[1]))
            elif parts[0] == "queue" and len(parts) == 3 and queues is not None and parts[1] not in queues:
                message = f'there is no queue "{parts[1]}"'
                yield draft.problem(UNKNOWN_QUEUE, value.path, message, expected(sorted(queues), parts[1]))


def skills(draft: Draft) -> Iterator[Problem]:
    queues = draft.known.queues or {}
    for name, step in draft.flow.steps.items():
        if not isinstance(step, QueueStep | CallbackStep) or step.queue not in queues:
            continue
        for index, skill in enumerate(step.skills):
            if skill not in queues[step.queue]:
                path = ("steps", name, "skills", index)
                hint = expected(sorted(queues[step.queue]), skill)
                yield draft.problem(UNKNOWN_SKILL, path, f'queue "{step.queue}" has no skill "{skill}"', hint)


def number_clashes(draft: Draft) -> Iterator[Problem]:
    for number in draft.flow.entry:
        for other in (draft.known.flows or {}).values():
            if number != "default" and number in other.entry and other.flow != draft.flow.flow:
                message = f'{number} is answered by flow "{other.flow}" too'
                hint = "one number, one flow: take it out of one of them"
                yield draft.problem(NUMBER_CLASH, ("entry", number), message, hint, key=True)


def callback_times(draft: Draft) -> Iterator[Problem]:
    for name, step in steps_of(draft.flow, CallbackStep):
        if step.expires and step.attempts > 1 and step.expires <= step.retry_after:
            message = "the callback expires before its second attempt"
            hint = "expires must be longer than retry_after"
            yield draft.problem(CALLBACK_OUTSIDE_HOURS, ("steps", name, "expires"), message, hint)
        if step.schedule and step.schedule.within < step.schedule.slot:
            path = ("steps", name, "schedule", "within")
            message = "no slot fits within this time"
            yield draft.problem(CALLBACK_OUTSIDE_HOURS, path, message, "within must be at least one slot")
