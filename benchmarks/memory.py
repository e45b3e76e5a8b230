"""The memory of a whole installation, idle and with 10,000 callers waiting.

`retorno up` as it comes: embedded Redis (AOF always), one web process, two workers, the timekeeper, the supervisor. PSS where the
kernel tells it (shared pages are counted once, shared out among who shares them), and RSS. Waiting: each caller has his entry
in the line, the saved session of his call and the events that led there. Linux only.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from _measure import House, answers, house, memory_mb, redis_pid, retorno, setting, table, tree

from callback.model import Mode
from callback.rows import NewEntry
from ivr import engine, redis_server
from ivr.app import Parts, build
from ivr.session import Session

HOUR_MS = 3_600_000
SETTLE_S = 3.0  # after a change, until the timekeeper has looked twice


def fill(parts: Parts, callers: int) -> None:
    """So many callers on the line. They say that they are heard of within the hour: nobody is to look for them meanwhile."""
    now = parts.clock.now_ms()
    published = parts.flows.get("menus")
    for n in range(callers):
        call, number = f"call-{n}", f"+55119{40_000_000 + n}"
        new = NewEntry(f"e{n}", "line", Mode.LIVE, call, number, "pt-BR", (), 1, 0, callers, now + HOUR_MS)
        code, _ = parts.line.store.join(new, now)
        assert code == "joined", code
        session = Session(call, "menus", published.version, now, "pt-BR", number=number, entry=f"e{n}", queue="line")
        assert parts.calls.sessions.save(engine.start(parts.flows, session), None, (), read_at=None)


def kinds(home: House, supervisor: int) -> dict[str, list[int]]:
    """The processes of the house by what they are."""
    found: dict[str, list[int]] = {"redis": [redis_pid(home.env["REDIS_URL"])], "supervisor": [supervisor]}
    for pid in tree(supervisor)[1:]:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
        name = next((one for one in ("web", "worker", "timekeeper") if one in words), "")
        if not name and "gunicorn" in words[0]:
            name = "web"
        if name:
            found.setdefault(name, []).append(pid)
    return found


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--waiting", type=int, default=10_000)
    said = words.parse_args()
    with (
        house() as home,
        home.running(*retorno("up"), ready=lambda: answers(f"{home.url}/readyz")) as up,
    ):
        parts = build(home.settings)
        time.sleep(SETTLE_S)
        by_kind = kinds(home, up.pid)
        idle = {name: memory_mb(pids) for name, pids in by_kind.items()}
        fill(parts, said.waiting)
        assert parts.line.snapshot().queues[0].live_waiting == said.waiting
        assert answers(f"{home.url}/api/v1/queues"), "the web has read the full line"
        time.sleep(SETTLE_S)
        full = {name: memory_mb(pids) for name, pids in by_kind.items()}
        used = redis_server.connect(home.env["REDIS_URL"]).info("memory")["used_memory"] / 2**20
        print(setting(home.env["REDIS_URL"]))
        head = ("process", "how many", "PSS MB idle", "RSS MB idle", f"PSS MB, {said.waiting:,} waiting", "RSS MB ")
        rows: list[list[object]] = [[name, len(pids), *idle[name], *full[name]] for name, pids in by_kind.items()]
        sums = [sum(row[n] for row in [(*idle[k], *full[k]) for k in by_kind]) for n in range(4)]
        print(table(head, [*rows, ["all", sum(map(len, by_kind.values())), *sums]]))
        each = (full["redis"][0] - idle["redis"][0]) * 1024 / said.waiting
        print(f"a waiting caller costs {each:.1f} KB of Redis ({used:.0f} MB of data in it)")
        print(f"ratio: full / idle = {sums[2] / sums[0]:.2f} (PSS of all processes)")


if __name__ == "__main__":
    main()
