"""Attempts at one question: what is said after a failure, and when it is enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivr.events import EventType

if TYPE_CHECKING:
    from ivr.flow.fields import PromptRef
    from ivr.turning import Turning


def try_again(turning: Turning, kind: str, own: list[PromptRef], sentence: str, tries: int) -> bool:
    """Count a failure of `kind` (silence, invalid) and say so: the author's prompt for this attempt, else `sentence`.

    Both kinds count together: somebody who fails `tries` times, however, gets a person. False: that was the last attempt.
    `sentence` empty: nothing is said, he has only changed his mind.
    """
    failures = turning.at.get("failures", 0) + 1
    turning.at["failures"] = failures
    turning.event(EventType.INPUT_FAILED, step=turning.session.step, kind=kind, attempt=failures)
    if failures >= tries:
        return False
    if own:
        turning.say(own[min(failures, len(own)) - 1])
    elif sentence:
        turning.tell(sentence)
    return True
