"""Http: a data dip.

Law: only hosts on the server's allow-list, https, secrets by name, and an error always leads somewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, StringConstraints

from ivr.asks import Fetch
from ivr.events import EventType
from ivr.flow.fields import Duration, Marker, Target, Template, VariableName
from ivr.flow.steps.base import Step
from ivr.inputs import Answer
from ivr.moves import AskFor, Go

if TYPE_CHECKING:
    from ivr.inputs import Input
    from ivr.moves import Move
    from ivr.turning import Turning


class Http(Step):
    """Fetches `url` and saves parts of the answer: `save: {customer: body, tier: body.customer.tier}`."""

    type: Literal["http"]
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    url: Template
    headers: dict[str, Template] = {}
    body: dict[str, Template] | None = None
    auth: (
        Annotated[
            str,
            StringConstraints(pattern=r"^secret\.[A-Z][A-Z0-9_]*$"),
            Marker("secret", "the name of a secret: secret.CRM_TOKEN"),
        ]
        | None
    ) = None
    timeout: Annotated[Duration, Field(ge=100, le=10_000)] = 3_000
    retries: int = Field(default=0, ge=0, le=1)
    save: dict[
        VariableName,
        Annotated[
            str,
            StringConstraints(pattern=r"^(code|body(\.[A-Za-z0-9_]+)*)$"),
            Marker("answer", "a part of the answer: code, body or body.customer.tier"),
        ],
    ] = {}
    next: Target
    on_error: Target

    def enter(self, turning: Turning) -> Move:
        body = {name: turning.fill_body(text) for name, text in self.body.items()} if self.body is not None else None
        headers = {name: turning.fill(text) for name, text in self.headers.items()}
        secret = self.auth.removeprefix("secret.") if self.auth else ""
        step = turning.session.step
        return AskFor(
            Fetch(step, self.method, turning.fill_url(self.url), headers, body, secret, self.timeout, self.retries)
        )

    def resume(self, turning: Turning, given: Input) -> Move:
        outcome = given.outcome if isinstance(given, Answer) else "failed"
        values = given.values if isinstance(given, Answer) else {}
        code = values.get("code", 0)
        turning.event(EventType.FETCHED, step=turning.session.step, outcome=outcome, response_code=code)
        if outcome != "ok":
            return Go(self.on_error)
        s = turning.session
        s.variables = {**s.variables, **{name: pick(path, values) for name, path in self.save.items()}}
        return Go(self.next)


def pick(path: str, values: Any) -> Any:
    """The part of `{code, body}` at a dotted path such as `body.customer.tier`; None where there is nothing."""
    for part in path.split("."):
        values = values.get(part) if isinstance(values, dict) else None
    return values
