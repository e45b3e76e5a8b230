"""`retorno replay`: how many callers a second, and how much faster than life.

The shipped day through the real stack (webhooks over HTTP, engine, Redis, RQ worker, sweep) on one virtual clock, as
`retorno replay` runs it. The day must come out clean: nobody lost, nobody rung twice, nobody overtaken, all books balanced.
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
from importlib.resources import files
from itertools import islice
from pathlib import Path

from _measure import house, retorno, setting, table

from ivr.cli.replay import SHIPPED


def day(callers: int) -> list[dict[str, object]]:
    """The shipped day up to its `callers`-th caller."""
    packed = (files("ivr.cli.replay") / SHIPPED).read_bytes()
    rows = [json.loads(line) for line in gzip.decompress(packed).splitlines()]
    last = list(islice((row["t"] for row in rows if row["ev"] == "call"), callers))[-1]
    return [row for row in rows if row["t"] <= last or row["ev"] == "agents"]


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--n", type=int, default=100_000, help="only the first so many callers of the day")
    words.add_argument("--file", type=Path, help="another recorded day")
    said = words.parse_args()
    with house() as home:
        report, played = home.folder / "report.json", said.file or home.folder / "day.jsonl"
        if said.file is None:
            played.write_text("".join(json.dumps(row) + "\n" for row in day(said.n)))
        argv = retorno("replay", str(played), "--quiet", "--json", str(report))
        env = {name: value for name, value in home.env.items() if not name.startswith(("RETORNO_", "REDIS_URL"))}
        subprocess.run(argv, env=env, cwd=home.folder, check=True, stdout=subprocess.DEVNULL)
        found = json.loads(report.read_text())
        times = [json.loads(line)["t"] for line in lines(played)]
        print(setting(home.env["REDIS_URL"]))
    virtual_s = max(times) - min(times)
    clean = {name: found[name] for name in ("lost", "double_dials", "overtakes")}
    head = ("callers", "webhooks", "seconds", "callers/s", "webhooks/s", *clean)
    row = [found["entered"], found["webhooks"], found["seconds"], found["calls_per_second"]]
    print(table(head, [[*map(str, row), found["webhooks"] / found["seconds"], *clean.values()]]))
    print(f"ratio: virtual / wall = {virtual_s / found['seconds']:,.0f} seconds of the day per second")
    if any(clean.values()) or not found["balanced"]:
        raise SystemExit(f"the day did not come out clean: {clean}, balanced: {found['balanced']}")


def lines(file: Path) -> list[str]:
    raw = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    return raw.decode().splitlines()


if __name__ == "__main__":
    main()
