"""An agent hangs up -> the INVITE of the next call reaches his telephone: ours against `app_queue`.

Ours, whole: Asterisk tells of the hang-up (or the caller's dialplan does, whichever is quicker), the line matches the agent
with the head of the queue in Redis (AOF always), RQ carries the errand to a worker, the worker asks the node's control process by
Redis, which originates the call. Our agent answers, presses 1 at once, and is joined with the caller. Beside it `app_queue` with
autofill=yes, retry=1 (the least that it takes) and wrapuptime=0, whose agent is connected when he answers. One Asterisk, one run,
the sides take turns; each has its agents, talks of 0.12 to 1.12 s, and callers who are always waiting.
"""

from __future__ import annotations

import argparse
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from _asterisk import CALLER, LINE, Exchange, exchange
from _measure import quantile, table, until
from rig import Call, Phone

from callback.model import AgentState

AIM_P50_MS = 20.0
TALK_S = (0.12, 1.12)
WAITING = 4
"""Callers who wait beside those who are served."""

NATIVE = """
[retorno-in]
exten => queue,1,Answer()
 same => n,Queue(bench)
 same => n,Hangup()
"""
QUEUES = """[general]
autofill = yes
shared_lastcall = no

[bench]
strategy = rrmemory
timeout = 15
retry = 1
wrapuptime = 0
autofill = yes
ringinuse = no
joinempty = yes
musicclass = default
"""


@dataclass
class Side:
    """One of the rivals, with agents of its own. `waits_s`: from each BYE to the next INVITE at the same agent."""

    name: str
    number: str
    accept: str
    agents: list[Phone]
    open: Callable[[], None] = lambda: None
    close: Callable[[], None] = lambda: None
    closed: Callable[[], bool] = lambda: True
    waits_s: list[float] = field(default_factory=list)


class Callers:
    """So many calls to a number: whoever has been served is followed by another."""

    def __init__(self, place: Exchange, number: str, many: int) -> None:
        self._number = number
        self._phones = [place.caller(n) for n in range(many)]
        self._calls: list[Call] = [self._dial(phone) for phone in self._phones]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="callers")

    def _dial(self, phone: Phone) -> Call:
        call = phone.dial(self._number)
        call.say(CALLER)
        return call

    def _run(self) -> None:
        while not self._stop.wait(0.02):
            self._calls = [self._dial(call.phone) if call.ended else call for call in self._calls]

    def __enter__(self) -> Callers:
        for call in self._calls:
            call.wait_up()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        for call in self._calls:
            call.hang_up()


def work(side: Side, agent: Phone, talks: list[float]) -> list[float]:
    """What an agent does all day. Seconds from each BYE to the next INVITE."""
    waits: list[float] = []
    left_at = 0.0
    for talk_s in talks:
        call = agent.wait_call()
        while call.ended:  # the one that came after the last talk of a turn
            call = agent.wait_call()
        if left_at:
            waits.append(call.began_at - left_at)
        call.wait_up()
        if side.accept:
            call.press(side.accept, wait=False)
        call.wait_hears(CALLER, call.began_at)
        time.sleep(talk_s)
        call.hang_up()
        end = call.wait_ended()
        assert end.by == "us", f"{side.name}: the talk was ended by {end}"
        left_at = end.at
    return waits


def play(place: Exchange, side: Side, talks: int, chance: random.Random) -> None:
    """Each agent of the side has so many talks."""
    lengths = [[chance.uniform(*TALK_S) for _ in range(talks)] for _ in side.agents]
    errors: list[BaseException] = []

    def one(agent: Phone, talks: list[float]) -> None:
        try:
            side.waits_s += work(side, agent, talks)
        except BaseException as error:
            errors.append(error)

    with Callers(place, side.number, WAITING + len(side.agents)):
        side.open()
        threads = [
            threading.Thread(target=one, args=(agent, given)) for agent, given in zip(side.agents, lengths, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        side.close()
    if errors:
        raise errors[0]
    until(lambda: not place.node.channels() and side.closed(), "all calls are over and the agents have gone")


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--agents", type=int, default=2, help="of each side")
    words.add_argument("--talks", type=int, default=25, help="that each of them has in a turn")
    words.add_argument("--rounds", type=int, default=4, help="turns of each side")
    said = words.parse_args()
    names = {side: [f"{side}{n}" for n in range(said.agents)] for side in ("ana", "bia")}
    members = "".join(f"member = PJSIP/{name}\n" for name in names["bia"])
    with exchange(
        rival=NATIVE,
        modules=("app_queue",),
        files={"queues.conf": QUEUES + members, "queuerules.conf": ""},
        phones=(*names["ana"], *names["bia"]),
    ) as place:
        sides = [ours(place, names["ana"]), Side("app_queue", "queue", "", [place.desk(name) for name in names["bia"]])]
        chance = random.Random(1)
        for side in sides:
            play(place, side, 2, chance)  # warm: what is whispered has been spoken once, connections are open
            side.waits_s = []
        for turn in range(said.rounds):
            for side in sides if turn % 2 == 0 else reversed(sides):
                play(place, side, said.talks, chance)
        print(place.setting())
    print(f"{said.agents} agents, talks of {TALK_S[0]:g} to {TALK_S[1]:g} s, callers always waiting")
    waits = {side.name: [1000 * wait for wait in side.waits_s] for side in sides}
    rows = [
        [name, len(times), *(quantile(times, share) for share in (0.5, 0.95, 0.99)), max(times)]
        for name, times in waits.items()
    ]
    print(table(("ms, BYE to INVITE", "n", "p50", "p95", "p99", "max"), rows))
    mine, queue = (quantile(times, 0.5) for times in waits.values())
    print(f"aim: p50 under {AIM_P50_MS:g} ms; measured {mine:.1f} ms")
    print(f"ratio: app_queue / ours = {queue / mine:.1f} at p50")


def ours(place: Exchange, names: list[str]) -> Side:
    """Our agents, who are at work only while it is our turn."""
    line = place.parts.line
    for name in names:
        line.add_agent(name, name, f"PJSIP/{name}", ("line",), lang="en")

    def sign_in() -> None:
        for name in names:
            line.sign_in(name)

    def sign_out() -> None:
        for name in names:
            line.sign_out(name)

    def offline() -> bool:
        """The line hears of the end of the last calls a moment after they have ended."""
        return all(agent.state is AgentState.OFFLINE for agent in line.agents())

    return Side("ours", LINE, "1", [place.desk(name) for name in names], sign_in, sign_out, offline)


if __name__ == "__main__":
    main()
