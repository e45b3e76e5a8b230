"""A menu turn over HTTP against the same menu written by hand with Flask and twilio.

Ours: `retorno web` as it runs in production: signature, session loaded from Redis, the engine on `flows/menus.yaml`, session,
reply and events saved in Redis (AOF always) in one script, JSON out. By hand: `_plain_view.py`, under gunicorn with the same
settings. Each is spoken to in its provider's form: ours by the simulator's signed JSON, the other by Twilio's signed form of 27 fields.
All callers press 3, #, 3, # ... between two menus. The sides take turns of `--slice` seconds until each has had `--seconds`.
"""

from __future__ import annotations

import argparse
import http.client
import sys
import time
import urllib.parse
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field

from _measure import HERE, House, answers, cpu_s, free_port, house, quantile, redis_pid, retorno, setting, table, tree
from twilio.request_validator import RequestValidator

from ivr.providers.simulator.wire import SIGNATURE, encode, sign

TOKEN = "the auth token of the hand-written side"
FORM = {
    "CallSid": "CA00000000000000000000000000000000",
    "AccountSid": "AC00000000000000000000000000000000",
    "ApiVersion": "2010-04-01",
    "CallStatus": "in-progress",
    "Direction": "inbound",
    "From": "+5511940000000",
    "To": "+551130001000",
    "Caller": "+5511940000000",
    "Called": "+551130001000",
    "msg": "Gather End",
    "FinishedOnKey": "",
    "CallToken": "",
    "StirVerstat": "",
    **{f"{who}{what}": "" for who in ("From", "To", "Caller") for what in ("City", "State", "Zip")},
    **{f"{who}Country": "BR" for who in ("From", "To", "Caller", "Called")},
}
KEYS = ("3", "#")

Post = tuple[str, bytes, dict[str, str]]


@dataclass
class Side:
    """One of the rivals. `posts(n)` gives the n-th caller's requests, one after the other, fed with the answers."""

    name: str
    port: int
    pids: list[int]
    posts: Callable[[int], Iterator[Post]]
    callers: list[Iterator[Post]] = field(default_factory=list)
    waits_ms: list[float] = field(default_factory=list)
    seconds: float = 0.0
    cpu: float = 0.0

    def play(self, seconds: float) -> None:
        """All callers press keys for so long."""
        used, begun = cpu_s(self.pids), time.monotonic()
        with ThreadPoolExecutor(len(self.callers)) as pool:
            list(pool.map(lambda one: self._press(one, begun + seconds), self.callers))
        self.seconds += time.monotonic() - begun
        self.cpu += cpu_s(self.pids) - used

    def _press(self, posts: Iterator[Post], until: float) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        while time.monotonic() < until:
            path, body, headers = next(posts)
            begun = time.perf_counter()
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            said = answer.read()
            self.waits_ms.append((time.perf_counter() - begun) * 1000)
            if answer.status != 200 or b"digite" not in said:
                raise RuntimeError(f"{self.name}: {path} answered {answer.status}: {said[:200]!r}")
        connection.close()

    @property
    def per_second(self) -> float:
        return len(self.waits_ms) / self.seconds

    def row(self) -> list[object]:
        each = self.cpu / len(self.waits_ms) * 1000
        return [self.name, self.per_second, *(quantile(self.waits_ms, share) for share in (0.5, 0.95, 0.99)), each]


def ours(home: House, n: int) -> Iterator[Post]:
    """A caller of `flows/menus.yaml`."""
    call, key = f"bench-{n}", home.settings.key("webhooks")

    def post(path: str, body: dict[str, object]) -> Post:
        data = encode(body)
        return path, data, {SIGNATURE: sign(key, path, data), "Content-Type": "application/json"}

    yield post("/sim/calls", {"call": call, "from": f"+55119400{n:05d}", "to": "+551130001000"})
    turn = 1
    while True:
        for digits in KEYS:
            yield post(f"/sim/calls/{call}/turns/{turn}", {"input": "digits", "digits": digits, "finished": False})
            turn += 1


def by_hand(port: int, n: int, *, kept: bool) -> Iterator[Post]:
    signer = RequestValidator(TOKEN)
    ready = []
    for digits, menu in zip(KEYS, ("main", "support"), strict=True):
        path = "/kept-menu" if kept else f"/menu/{menu}"
        form = {**FORM, "CallSid": f"CA{n:032d}", "Digits": digits}
        signature = signer.compute_signature(f"http://127.0.0.1:{port}{path}", form)
        headers = {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"}
        ready.append((path, urllib.parse.urlencode(form).encode(), headers))
    while True:
        yield from ready


def gunicorn(port: int, threads: int) -> tuple[str, ...]:
    """The hand-written view under the settings of `retorno web`."""
    options = (
        f"-k gthread --workers 1 --threads {threads} --keep-alive 30 --log-level warning --worker-tmp-dir /dev/shm"
    )
    return (
        sys.executable,
        "-m",
        "gunicorn",
        *options.split(),
        "--bind",
        f"127.0.0.1:{port}",
        "--chdir",
        str(HERE),
        "_plain_view:app",
    )


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--seconds", type=float, default=20.0, help="for each side")
    words.add_argument("--slice", type=float, default=1.0, help="seconds before the other side has its turn")
    words.add_argument("--callers", type=int, default=4, help="at once, each on a connection of his own")
    said = words.parse_args()
    with house(TWILIO_AUTH_TOKEN=TOKEN) as home, ExitStack() as running:
        rival = free_port()
        web = running.enter_context(home.running(*retorno("web"), ready=lambda: answers(f"{home.url}/livez")))
        hand = running.enter_context(
            home.running(
                *gunicorn(rival, home.settings.web_threads), ready=lambda: answers(f"http://127.0.0.1:{rival}/livez")
            )
        )
        redis = redis_pid(home.env["REDIS_URL"])
        sides = [
            Side(
                "ours (session, reply and events in Redis)",
                home.settings.port,
                [*tree(web.pid), redis],
                lambda n: ours(home, n),
            ),
            Side("by hand, nothing kept", rival, tree(hand.pid), lambda n: by_hand(rival, n, kept=False)),
            Side("by hand, place in Redis", rival, [*tree(hand.pid), redis], lambda n: by_hand(rival, n, kept=True)),
        ]
        for side in sides:
            side.callers = [side.posts(n) for n in range(said.callers)]
            side.play(min(1.0, said.slice))  # warm: flows read, connections open
            side.waits_ms, side.seconds, side.cpu = [], 0.0, 0.0
        while sides[-1].seconds < said.seconds:
            for side in sides:
                side.play(said.slice)
        print(setting(home.env["REDIS_URL"]))
        print(f"{said.callers} callers at once, {said.seconds:g} s each, one web process")
        print(table(("a menu turn", "turns/s", "p50 ms", "p95 ms", "p99 ms", "CPU ms"), [side.row() for side in sides]))
        mine, bare, kept = sides
        print(f"ratio: ours / by hand = {mine.per_second / bare.per_second:.2f} of its turns/s (aim: 1.00 or more)")
        print(f"ratio: ours / by hand with Redis = {mine.per_second / kept.per_second:.2f} of its turns/s")


if __name__ == "__main__":
    main()
