"""Half a thousand callers who wait, with music and news of their place: what they cost, against as many in plain dialplan music.

Ours: each stands in line, hears music, and once in `--every` his place; every `--leaves` seconds the first in line gives up and
another comes last, so that everybody's place has changed when it is told. Beside it the same callers, coming and going the same,
in a dialplan of `Answer` and `MusicOnHold` and nothing else. One Asterisk, the same music, mu-law throughout; the sides take
turns. Processor time is that of one core, over `--seconds` in which all are there; the sounds have been spoken before, as they
have after the first day. One caller of each crowd is a canary in a process of its own, which tells how evenly its sound came.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from _asterisk import LINE, Exchange, exchange
from _measure import HERE, cpu_s, memory_mb, quantile, table, until
from rig import Call, Phone

from ivr.instructions import Say
from ivr.speech.sounds import sounds_from
from ivr.words import sentence

NATIVE = """
[retorno-in]
exten => music,1,Answer()
 same => n,MusicOnHold(default)
"""
SIDES = {"ours": LINE, "plain music": "music"}
DIAL_S = 0.03
SETTLE_S = 3.0
BREAK_S = 0.040


@dataclass
class Cost:
    """What one side needed, over all its turns."""

    seconds: float = 0.0
    cpu: dict[str, float] = field(default_factory=dict)
    pss: dict[str, float] = field(default_factory=dict)
    crowd_cpu: float = 0.0
    webhooks: float = 0.0
    gaps: list[float] = field(default_factory=list)

    def share(self, kind: str) -> float:
        """Of one core, in per cent."""
        return 100 * self.cpu[kind] / self.seconds


class Crowd:
    """So many calls that only listen."""

    def __init__(self, place: Exchange, number: str, many: int) -> None:
        self._phone: Phone = place.phones.add("5511944440000", place.node.sip, media="deaf")
        self._number, self._dialled = number, 0
        self.calls: deque[Call] = deque()
        for _ in range(many):
            self._dial()
            time.sleep(DIAL_S)
        for call in self.calls:
            call.wait_up()

    def _dial(self) -> None:
        self._dialled += 1
        self.calls.append(self._phone.dial(self._number, from_user=f"55119{40_000_000 + self._dialled}"))

    def turn_over(self) -> None:
        """The one who has waited longest gives up, and another comes."""
        self.calls.popleft().hang_up()
        self._dial()

    def go(self) -> None:
        for call in self.calls:
            call.hang_up()


class Canary:
    """See `_canary.py`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def gaps(self) -> list[float]:
        """Seconds between the frames since it was asked before."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        found: list[float] = json.loads(self._process.stdout.readline())
        return found


@contextmanager
def canary(place: Exchange, number: str) -> Iterator[Canary]:
    """A canary that is up."""
    argv = (sys.executable, str(HERE / "_canary.py"), str(place.node.sip[1]), number)
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin
    assert process.stdout
    try:
        assert process.stdout.readline() == "up\n"
        yield Canary(process)
    finally:
        process.stdin.close()
        process.wait(30)


def play(place: Exchange, number: str, cost: Cost, callers: int, seconds: float, leaves_s: float) -> None:
    """One turn of a side: all come, are looked at for so long, and go."""
    crowd = Crowd(place, number, callers)
    with canary(place, number) as bird:
        _pass(crowd, SETTLE_S, leaves_s)
        assert len(place.node.channels()) >= callers, "all are there"
        kinds = place.processes()
        used, own = {kind: cpu_s(pids) for kind, pids in kinds.items()}, time.process_time()
        posted, begun = place.webhooks()[0], time.monotonic()
        bird.gaps()
        _pass(crowd, seconds, leaves_s)
        cost.gaps += bird.gaps()
        cost.seconds += time.monotonic() - begun
        cost.webhooks += place.webhooks()[0] - posted
        cost.crowd_cpu += time.process_time() - own
        for kind, pids in kinds.items():
            cost.cpu[kind] = cost.cpu.get(kind, 0.0) + cpu_s(pids) - used[kind]
            cost.pss[kind] = max(cost.pss.get(kind, 0.0), memory_mb(pids)[0])
    crowd.go()
    until(lambda: not place.node.channels(), "all have gone")


def _pass(crowd: Crowd, seconds: float, leaves_s: float) -> None:
    begun = time.monotonic()
    for n in range(1, int(seconds / leaves_s) + 1):
        time.sleep(max(0.0, begun + n * leaves_s - time.monotonic()))
        crowd.turn_over()
    time.sleep(max(0.0, begun + seconds - time.monotonic()))


def speak_ahead(place: Exchange, places: int) -> None:
    """Every place that can be told, as it has been after a while."""
    told = [Say(sentence("position", "en", position=n), "en") for n in range(2, places + 1)]
    sounds = sounds_from(place.home.settings)
    sounds.ensure([Say(sentence("position_first", "en"), "en"), *told], 600.0)
    failed = [part.text for part in told if not sounds.path(sounds.sound_of(part)).is_file()]
    assert not failed, f"could not be spoken (is espeak-ng installed?): {failed[:3]}"


def evenness(gaps: list[float]) -> list[object]:
    """Median, p99 and longest gap in ms, how many were breaks, and how many there were."""
    times = [1000 * gap for gap in gaps]
    broken = sum(gap > BREAK_S for gap in gaps)
    return [quantile(times, 0.5), quantile(times, 0.99), max(times), broken, len(gaps)]


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--callers", type=int, default=500)
    words.add_argument("--seconds", type=float, default=60.0, help="of each turn, with all callers there")
    words.add_argument("--rounds", type=int, default=2, help="turns of each side")
    words.add_argument("--every", default="60s", help="how often a caller is told his place, 10s at least")
    words.add_argument(
        "--leaves", type=float, default=2.0, help="seconds after which somebody gives up and another comes"
    )
    said = words.parse_args()
    costs = {name: Cost() for name in SIDES}
    with exchange(rival=NATIVE, channels=said.callers + said.callers // 5 + 20, every=said.every) as place:
        speak_ahead(place, said.callers + 5)
        idle = {kind: memory_mb(pids)[0] for kind, pids in place.processes().items()}
        for turn in range(said.rounds):
            for name in SIDES if turn % 2 else reversed(SIDES):
                play(place, SIDES[name], costs[name], said.callers, said.seconds, said.leaves)
        print(place.setting())
    ours, plain = costs.values()
    print(f"{said.callers} callers, {ours.seconds:.0f} s of each side")
    rows: list[list[object]] = [
        [kind, ours.share(kind), plain.share(kind), ours.pss[kind], plain.pss[kind], idle[kind]] for kind in ours.cpu
    ]
    rows.append(["all", *(sum(float(str(row[n])) for row in rows) for n in range(1, 6))])
    head = ("process", "CPU %, ours", "CPU %, plain", "PSS MB, ours", "PSS MB, plain", "PSS MB, nobody there")
    print(table(head, rows))
    crowds = " and ".join(f"{100 * cost.crowd_cpu / cost.seconds:.0f} %" for cost in costs.values())
    print(f"the crowd itself took {crowds} of a core")
    print(f"webhooks: {ours.webhooks / ours.seconds:.1f} a second")
    head = ("canary, ms between frames", "p50", "p99", "max", f"over {1000 * BREAK_S:.0f}", "frames")
    print(table(head, [[name, *evenness(cost.gaps)] for name, cost in costs.items()]))
    print(f"ratio: Asterisk's CPU, ours / plain = {ours.cpu['Asterisk'] / plain.cpu['Asterisk']:.2f}")
    print(f"ratio: CPU of everything, ours / plain = {sum(ours.cpu.values()) / sum(plain.cpu.values()):.2f}")


if __name__ == "__main__":
    main()
