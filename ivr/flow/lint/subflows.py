"""Flows that call flows: no circle, not too deep, and a child gets what it asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ivr.flow.lint.draft import Draft, Rule, steps_of
from ivr.flow.model import Flow
from ivr.flow.problems import Problem, Severity, expected
from ivr.flow.steps.subflow import MAX_DEPTH, Subflow

RECURSION = Rule("recursion", Severity.ERROR, "a flow calls itself, or calls go too deep", whole=True)
SUBFLOW_INPUTS = Rule(
    "subflow-inputs", Severity.ERROR, "a subflow is not given what it takes, or gives back what it has not"
)


def recursion(draft: Draft) -> Iterator[Problem]:
    flows = {**(draft.known.flows or {}), draft.flow.flow: draft.flow}
    for name, step in steps_of(draft.flow, Subflow):
        path = ("steps", name, "flow")
        chain = _chain(flows, (draft.flow.flow, step.flow))
        shown = " -> ".join(chain)
        if chain[-1] in chain[:-1]:
            if chain[-1] == draft.flow.flow:
                yield draft.problem(RECURSION, path, f"{shown}: the flow calls itself", "lead back with a step instead")
        elif len(chain) - 1 > MAX_DEPTH:
            hint = f"at most {MAX_DEPTH} deep"
            yield draft.problem(RECURSION, path, f"{shown}: {len(chain) - 1} flows within one another", hint)


def _chain(flows: Mapping[str, Flow], so_far: tuple[str, ...]) -> tuple[str, ...]:
    """The longest chain of calls that begins with `so_far`; one that comes round ends where it closes, and wins."""
    if so_far[-1] in so_far[:-1] or so_far[-1] not in flows or len(so_far) > MAX_DEPTH + 2:
        return so_far
    longest = so_far
    for called in dict.fromkeys(step.flow for step in flows[so_far[-1]].steps.values() if isinstance(step, Subflow)):
        chain = _chain(flows, (*so_far, called))
        if chain[-1] in chain[:-1] and chain[-1] == so_far[0]:
            return chain
        if chain[-1] not in chain[:-1] and len(chain) > len(longest):
            longest = chain
    return longest


def inputs(draft: Draft) -> Iterator[Problem]:
    """What a child takes is given; what is taken back, it sets; what chooses an exit is a step at which it ends."""
    for name, step in steps_of(draft.flow, Subflow):
        child = (draft.known.flows or {}).get(step.flow)
        if child is None:
            continue
        missing = [variable for variable in child.inputs if variable not in step.given]
        if missing:
            message = f'flow "{child.flow}" takes {", ".join(missing)}'
            hint = f"write with: {{{missing[0]}: ...}}"
            yield draft.problem(SUBFLOW_INPUTS, ("steps", name, "flow"), message, hint)
        for variable in step.given:
            if variable not in child.inputs:
                path = ("steps", name, "with", variable)
                message = f'flow "{child.flow}" takes no "{variable}"'
                yield draft.problem(SUBFLOW_INPUTS, path, message, expected(child.inputs, variable), key=True)
        for last in step.returns:
            if last not in child.steps:
                path = ("steps", name, "returns", last)
                message = f'flow "{child.flow}" has no step "{last}"'
                yield draft.problem(SUBFLOW_INPUTS, path, message, expected(child.steps, last), key=True)
