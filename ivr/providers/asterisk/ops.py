"""What travels between us and a dialplan: an instruction as an operation, a form as an input.

Law: a pure fold in each direction. An operation is one flat object of texts; of a caller's own words nothing is in it. The names
are those of `conf/extensions.conf.j2`, which carries them out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from ivr.calls import Reply
from ivr.inputs import DialEnded, Digits, Input, NoInput, Outcome, Recorded
from ivr.instructions import Dial, Gather, Hangup, Hold, Instruction, Join, Play, Record, Say, Speech

MAX_SOUNDS: Final = 100
"""How many sounds one operation may name. A dialplan's function gives at most 4 091 characters (measured on 22.10) and a longer
answer is cut, so no JSON any more; a hundred ids are 3 300."""
SHORTEST_MS: Final = 100
"""No wait of a dialplan is shorter: a hold of no time would have the node ask us without a pause."""

OUTCOMES: Final[Mapping[str, Outcome]] = {
    "ANSWER": Outcome.ANSWERED,
    "BUSY": Outcome.BUSY,
    "NOANSWER": Outcome.NO_ANSWER,
    "CANCEL": Outcome.CANCELED,
}
"""Of Dial()'s DIALSTATUS; every other (CHANUNAVAIL, CONGESTION, INVALIDARGS) is `failed`."""

_ID = re.compile(r"[A-Za-z0-9_.-]{1,80}")


@dataclass(frozen=True, slots=True)
class Plan:
    """An operation whose speech is still words. `fixed` is heard to its end, whatever is pressed; `open` a key cuts short."""

    fields: dict[str, str]
    fixed: tuple[Speech, ...] = ()
    open: tuple[Speech, ...] = ()

    @property
    def parts(self) -> tuple[Speech, ...]:
        return self.fixed + self.open


def plan(reply: Reply, reach: Callable[[str], str]) -> Plan:
    """What a dialplan is to do for `reply`. `reach` turns what a flow may dial into what Dial() takes after `PJSIP/`."""
    fields = {"op": "", "call": reply.call, "turn": str(max(reply.turn, 0)), **_fields(reply.instruction, reach)}
    if reply.again:
        fields["again"] = "1"
    fixed, interruptible = _halves(reply.instruction)
    return _bounded(Plan(fields, fixed, interruptible))


def operation(planned: Plan, sounds: tuple[str, ...]) -> dict[str, str]:
    """The operation, given the ids of the sounds of `planned.parts`, in their order."""
    at = len(planned.fixed)
    return {**planned.fields, "fixed": "&".join(sounds[:at]), "open": "&".join(sounds[at:])}


def read_input(form: Mapping[str, str], node: str) -> Input:
    """What the form of `/asterisk/turn` from `node` tells. Raises ValueError, saying what was expected."""
    kind = form.get("in", "")
    match kind:
        case "digits":
            digits = form.get("d", "")
            if not re.fullmatch(r"[0-9*#]{0,64}", digits):
                raise ValueError("expected d=, up to 64 of 0-9, * and #")
            return Digits(digits, form.get("end") == "1")
        case "none":
            return NoInput()
        case "recorded":
            name = form.get("rec", "")
            if not _ID.fullmatch(name):
                raise ValueError("expected rec=, the name of a recording: A-Z, a-z, 0-9, . _ and -")
            return Recorded(f"asterisk:{node}/{name}", _number(form, "secs"))
        case "dial":
            return DialEnded(OUTCOMES.get(form.get("status", ""), Outcome.FAILED), _number(form, "secs"))
        case "left":
            return DialEnded(Outcome.ANSWERED if form.get("result") == "SUCCESS" else Outcome.NO_ANSWER)
    raise ValueError(f"unknown in={kind[:20]!r}; expected digits, none, recorded, dial or left")


def _fields(instruction: Instruction, reach: Callable[[str], str]) -> dict[str, str]:
    match instruction:
        case Gather():
            return {
                "op": "gather",
                "max": str(instruction.max_digits),
                "first": _seconds(instruction.timeout_ms),
                "inter": _seconds(instruction.inter_digit_ms),
                "finish": instruction.finish_key,
            }
        case Hold():
            return {
                "op": "hold",
                "music": instruction.music,
                "secs": _seconds(instruction.ms),
                "keys": instruction.keys,
            }
        case Record():
            return {
                "op": "record",
                "secs": _whole(instruction.max_ms),
                "silence": _whole(instruction.silence_ms),
                "finish": instruction.finish_key,
            }
        case Dial():
            to, shown = reach(instruction.to), instruction.caller_id
            return {"op": "dial", "to": to, "secs": _whole(instruction.timeout_ms), "caller": shown}
        case Join():
            flags = {"host": str(int(instruction.host)), "record": str(int(instruction.record))}
            return {"op": "join", "room": instruction.attempt, **flags}
        case Hangup():
            return {"op": "hangup", "reason": instruction.reason}


def _halves(instruction: Instruction) -> tuple[tuple[Speech, ...], tuple[Speech, ...]]:
    """The speech that is heard to its end, and the rest: all up to the last part that must be is of the first kind."""
    speech = instruction.speech
    match instruction:
        case Gather():
            interruptible = instruction.barge_in
        case Hold():
            interruptible = bool(instruction.keys)
        case _:
            interruptible = False
    if not interruptible:
        return speech, ()
    musts = (at for at, part in enumerate(speech, start=1) if isinstance(part, Say | Play) and not part.barge_in)
    last = max(musts, default=0)
    return speech[:last], speech[last:]


def _bounded(planned: Plan) -> Plan:
    """The same in at most `MAX_SOUNDS` sounds: sentences of one language become one. Longer still, and the end is not said."""
    if len(planned.parts) <= MAX_SOUNDS:
        return planned
    fixed = _run_together(planned.fixed)[:MAX_SOUNDS]
    return replace(planned, fixed=fixed, open=_run_together(planned.open)[: MAX_SOUNDS - len(fixed)])


def _run_together(parts: tuple[Speech, ...]) -> tuple[Speech, ...]:
    found: list[Speech] = []
    for part in parts:
        before = found[-1] if found else None
        if isinstance(part, Say) and isinstance(before, Say) and before.lang == part.lang:
            found[-1] = Say(f"{before.text} {part.text}", part.lang)
        else:
            found.append(part)
    return tuple(found)


def _seconds(ms: int) -> str:
    """With decimals, never in exponents."""
    return f"{max(ms, SHORTEST_MS) / 1000:.3f}".rstrip("0").rstrip(".")


def _whole(ms: int) -> str:
    """Whole seconds, rounded up, at least one: to Record() and Dial() 0 is for ever."""
    return str(max(1, -(-ms // 1000)))


def _number(form: Mapping[str, str], name: str) -> int:
    """A number of seconds; none given is 0, as Dial() leaves it when nobody answered."""
    text = form.get(name, "") or "0"
    if not re.fullmatch(r"[0-9]{1,6}", text):
        raise ValueError(f"expected {name}=, a number of seconds")
    return int(text)
