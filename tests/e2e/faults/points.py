"""Where a process of ours kills itself, and the faults that we plant to see whether the judge looks.

Law: nothing of this stands in the product. A part of the installation is started by `nursery`, which puts these in the way of
the very functions that the part is about to call. What was done is noted in a file before it is done.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from callback import attempts, dispatch, jobs, scripts, verbs
from callback.model import Leg
from callback.rows import Swept
from callback.store import Store
from ivr.calls import Calls
from ivr.providers.simulator.client import SimulatorProvider
from ivr.store import Sessions


@dataclass(frozen=True)
class Chance:
    """Acts with probability `share`, and writes `name` into the notes each time it does."""

    name: str
    share: float
    notes: str
    random: random.Random

    def __bool__(self) -> bool:
        if self.random.random() >= self.share:
            return False
        note = os.open(self.notes, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(note, f"{self.name}\n".encode())
        os.close(note)
        return True


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)  # the signal takes a moment to arrive, and this thread must not go on


def install(shares: Mapping[str, float], planted: str, notes: str, seed: str) -> None:
    """Put the worst points in place, each with its share of the times it is passed, and the planted fault."""
    chance = random.Random(seed)
    for name, share in shares.items():
        POINTS[name](Chance(name, share, notes, chance))
    if planted:
        PLANTED[planted]()


# the worst points


def begun(chance: Chance) -> None:
    """The worker dies when it has won `begin` and has not asked the network to ring."""
    begin = attempts.begin

    def dies(*args: Any) -> Any:
        won = begin(*args)
        if won and chance:
            die()
        return won

    attempts.begin = dies


def originated(chance: Chance) -> None:
    """The worker dies when the network rings and nobody of ours has heard so."""
    originate = SimulatorProvider.originate

    def dies(self: SimulatorProvider, outgoing: Any) -> None:
        originate(self, outgoing)
        if chance:
            die()

    SimulatorProvider.originate = dies  # type: ignore[method-assign]


def frozen(chance: Chance) -> None:
    """The worker sleeps between winning and ringing, until it is surely too late for it."""
    begin, asleep_s = attempts.begin, float(os.environ["FAULTS_ASLEEP_S"])

    def sleeps(*args: Any) -> Any:
        won = begin(*args)
        if won and chance:
            time.sleep(asleep_s)
        return won

    attempts.begin = sleeps


def answered(chance: Chance) -> None:
    """The web process dies when the line has done what a call asked, and the turn is not saved."""
    carry_out = Calls._carry_out

    def dies(self: Calls, *args: Any) -> Any:
        answer = carry_out(self, *args)
        if chance:
            die()
        return answer

    Calls._carry_out = dies  # type: ignore[method-assign]


def saved(chance: Chance) -> None:
    """The web process dies when the turn is saved and nobody has been told."""
    save = Sessions.save

    def dies(self: Sessions, *args: Any, **more: Any) -> bool:
        done = save(self, *args, **more)
        if chance:
            die()
        return done

    Sessions.save = dies  # type: ignore[method-assign]


def swept(chance: Chance) -> None:
    """The timekeeper dies when it has swept and has not asked the network about what it found."""
    sweep = dispatch.sweep

    def dies(*args: Any) -> Any:
        found = sweep(*args)
        if (found.dialing or found.connected or found.silent) and chance:
            die()
        return found

    dispatch.sweep = dies


def matched(chance: Chance) -> None:
    """Whoever matched dies before he has rung for a worker."""
    match = Store.match

    def dies(self: Store, *args: Any) -> Any:
        pairs = match(self, *args)
        if pairs and chance:
            die()
        return pairs

    Store.match = dies  # type: ignore[method-assign]


def rung_twice(chance: Chance) -> None:
    """The errand is carried twice, as RQ does after some of its own crashes."""
    enqueue = jobs.enqueue

    def twice(*args: Any) -> None:
        enqueue(*args)
        if chance:
            enqueue(*args)

    jobs.enqueue = twice


def not_rung(chance: Chance) -> None:
    """The errand is lost."""
    enqueue = jobs.enqueue

    def sometimes(*args: Any) -> None:
        if not chance:
            enqueue(*args)

    jobs.enqueue = sometimes


POINTS: Mapping[str, Callable[[Chance], None]] = {
    "begun": begun,
    "originated": originated,
    "frozen": frozen,
    "answered": answered,
    "saved": saved,
    "swept": swept,
    "matched": matched,
    "rung_twice": rung_twice,
    "not_rung": not_rung,
}
DEADLY = frozenset({"begun", "originated", "answered", "saved", "swept", "matched"})


# planted faults


def blind_requeue() -> None:
    """Whatever was dialled and is overdue goes back into the line; the network is not asked, and nothing is hung up."""
    verbs._hung_up = lambda _hands, _call: True
    reconcile = dispatch.reconcile

    def gives_back(line: Any, provider: Any, found: Swept) -> None:
        for name in found.dialing:
            attempt = line.store.attempt(name)
            if attempt:
                attempts.never_dialled(line, name, attempt.begun or Leg.AGENT)
        reconcile(line, provider, replace(found, dialing=()))

    dispatch.reconcile = gives_back


def _text(changes: Mapping[str, tuple[str, str]]) -> Callable[[], None]:
    """Another text in these scripts. Fails when the script does not have it any more."""

    def plant() -> None:
        texts = dict(scripts.script_texts())
        for name, (good, bad) in changes.items():
            if good not in texts[name]:
                raise RuntimeError(f"{name}.lua has changed: it has no {good!r} to replace")
            texts[name] = texts[name].replace(good, bad)
        scripts.script_texts = lambda: texts  # type: ignore[assignment]

    return plant


_NEW_PLACE = ("move_entry(e, 'waiting')\n", "move_entry(e, 'waiting', nil, {score = score_at(e, NOW)})\n")
PLANTED: Mapping[str, Callable[[], None]] = {
    "no compare-and-set": _text({"begin": ("or t.begun == leg then", "then")}),
    "blind requeue": blind_requeue,
    "new place": _text({"leg_ended": _NEW_PLACE, "sweep": _NEW_PLACE}),
    "no phone dedupe": _text(
        {
            "join": ("if other then return {'duplicate', other} end", ""),
            "choose": ("if other and other ~= id then return {'duplicate', other} end", ""),
        }
    ),
}
