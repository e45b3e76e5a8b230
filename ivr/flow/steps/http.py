"""Http: a data dip.

Law: only hosts on the server's allow-list, https, secrets by name, and an error always leads somewhere.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from ivr.flow.fields import Duration, Target, Template, VariableName
from ivr.flow.steps.base import Step


class Http(Step):
    """Fetches `url` and saves parts of the answer: `save: {customer: body, tier: body.customer.tier}`."""

    type: Literal["http"]
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    url: Template
    headers: dict[str, Template] = {}
    body: dict[str, Template] | None = None
    auth: Annotated[str, StringConstraints(pattern=r"^secret\.[A-Z][A-Z0-9_]*$")] | None = None
    timeout: Annotated[Duration, Field(ge=100, le=10_000)] = 3_000
    retries: int = Field(default=0, ge=0, le=1)
    save: dict[VariableName, Annotated[str, StringConstraints(pattern=r"^(code|body(\.[A-Za-z0-9_]+)*)$")]] = {}
    next: Target
    on_error: Target
