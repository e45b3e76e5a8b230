"""Survey: one question after the talk; no answer is a skip."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import StringConstraints

from ivr.flow.fields import BoxName, Duration, PromptRef, Target
from ivr.flow.steps.base import Step


class Survey(Step):
    """Asks for a key on `scale` (`1-5`, `0-10`). `comment` records a spoken remark after the score."""

    waits: ClassVar[bool] = True

    type: Literal["survey"]
    kind: Literal["csat", "nps", "ces"]
    prompt: PromptRef
    scale: Annotated[str, StringConstraints(pattern=r"^(0|1)-([2-9]|10)$")] = "1-5"
    comment: BoxName | None = None
    timeout: Duration | None = None
    next: Target
