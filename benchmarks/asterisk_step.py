"""The last key's end leaves the telephone -> the first sound of the next prompt arrives there: ours against native dialplan.

Ours is the whole way: the dialplan of `retorno asterisk config`, CURL, `retorno web`, session, reply and events saved in Redis (AOF
always), the answer carried out. Beside it Asterisk's own `Read`, and `Background` with `WaitExten`, which ask nobody. One
Asterisk, real SIP and RTP, so many calls at once, each between two menus whose prompts are tones; the sides take turns. A key is
pressed 1 to 3 s after the last one, as chance will have it: into the prompt, which lasts 2 s, or after it.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Iterator

from _asterisk import MENUS, ONE, TWO, Exchange, all_up, exchange
from _measure import quantile, table
from rig import Call

NATIVE = """
[retorno-in]
exten => read,1,Answer()
 same => n(one),Read(KEY,one,1,,1,60)
 same => n,Read(KEY,two,1,,1,60)
 same => n,Goto(one)
exten => background,1,Answer()
 same => n,Goto(menu-one,s,1)

[menu-one]
exten => s,1,Background(one)
 same => n,WaitExten(60)
exten => 1,1,Goto(menu-two,s,1)

[menu-two]
exten => s,1,Background(two)
 same => n,WaitExten(60)
exten => 1,1,Goto(menu-one,s,1)
"""
SIDES = {"ours": MENUS, "native Read": "read", "native Background": "background"}
PRESS_S = (1.0, 3.0)
LOST_S = 1.0
"""A prompt that has not begun by then, when the next key may come, is lost."""


def play(place: Exchange, number: str, callers: int, steps: int, chance: random.Random) -> Iterator[float | None]:
    """So many calls at once, each pressing so many keys; seconds of each step, None for one that was lost."""
    calls = []
    for n in range(callers):
        calls.append(place.caller(n).dial(number))
        time.sleep(0.02)  # nobody's telephones all ring at the same moment
    all_up(calls)
    for call in calls:
        call.wait_hears(ONE, call.began_at)
    began = time.monotonic()
    presses: list[tuple[float, int]] = []
    for n in range(callers):
        at = began
        for _ in range(steps):
            at += chance.uniform(*PRESS_S)
            presses.append((at, n))
    for at, n in sorted(presses):
        time.sleep(max(0.0, at - time.monotonic()))
        calls[n].press("1", wait=False)
    time.sleep(LOST_S + 0.2)
    for call in calls:
        yield from measured(call, steps)
        call.hang_up()


def measured(call: Call, steps: int) -> Iterator[float | None]:
    """The steps of one call. Nothing is looked at before all keys are pressed: looking takes the telephones' time."""
    assert len(call.pressed) == steps, f"{len(call.pressed)} keys were pressed of {steps}"
    for n, (_, at) in enumerate(call.pressed):
        heard = call.first_heard(TWO if n % 2 == 0 else ONE, at)
        yield heard - at if heard is not None and heard - at < LOST_S else None


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--callers", type=int, default=30, help="at once")
    words.add_argument("--steps", type=int, default=8, help="keys that each of them presses in a turn")
    words.add_argument("--rounds", type=int, default=4, help="turns of each side")
    said = words.parse_args()
    chance = random.Random(1)
    found: dict[str, list[float | None]] = {name: [] for name in SIDES}
    with exchange(rival=NATIVE, modules=("app_read",)) as place:
        list(play(place, MENUS, min(4, said.callers), 2, chance))  # warm: flows read, connections open
        before = place.webhooks()
        for turn in range(said.rounds):
            names = list(SIDES)[turn % len(SIDES) :] + list(SIDES)[: turn % len(SIDES)]
            for name in names:
                found[name] += play(place, SIDES[name], said.callers, said.steps, chance)
        webhooks, seconds = (now - then for now, then in zip(place.webhooks(), before, strict=True))
        print(place.setting())
    print(f"{said.callers} calls at once, {said.rounds * said.callers * said.steps} steps of each side")
    rows: list[list[object]] = []
    p50: dict[str, float] = {}
    for name, steps in found.items():
        times = [1000 * step for step in steps if step is not None]
        p50[name] = quantile(times, 0.5)
        rows.append([name, *(quantile(times, share) for share in (0.5, 0.95, 0.99)), max(times), steps.count(None)])
    print(table(("ms, key to prompt", "p50", "p95", "p99", "max", "lost"), rows))
    print(f"of ours the web server took {1000 * seconds / webhooks:.2f} ms, on average of all webhooks")
    print(f"ratio: ours / native Read = {p50['ours'] / p50['native Read']:.2f} at p50")
    print(f"ratio: ours / native Background = {p50['ours'] / p50['native Background']:.2f} at p50")


if __name__ == "__main__":
    main()
