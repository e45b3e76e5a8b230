"""From an agent who becomes ready to the phone network being asked to ring him, with RQ in the loop.

A real worker process (`retorno worker`), a real Redis (AOF always), and for the network a server that notes when `originate`
arrives and says yes. The clock runs from `Line.ready`, as the web calls it: the agent is matched with the caller at the head,
RQ carries the errand to the worker, which wins `begin`, saves the session of the call to come and asks the network. Beside it,
one after the other in the same run: RQ's own time from enqueuing a job that does nothing to its first line, in a worker of
RQ's with RQ's settings and serializer (`SimpleWorker`: ours does not fork either).
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from urllib.parse import urlsplit

from _measure import HERE, House, house, quantile, retorno, setting, table, until
from rq import Queue as RqQueue
from rq import Worker

from ivr import redis_server
from ivr.app import build
from ivr.asks import JoinLine
from ivr.ports import Caller

AIM_P95_MS = 25.0
ARRIVED: SimpleQueue[tuple[str, float]] = SimpleQueue()


class Network(BaseHTTPRequestHandler):
    """Notes the time of every `originate` and takes it on."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        at = time.monotonic()
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = b'{"call":"placed"}'
        self.send_response(201)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
        if self.path == "/calls":
            ARRIVED.put((body["to"], at))

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def network(home: House) -> Iterator[None]:
    """The far end, where the house believes its simulator to be."""
    server = ThreadingHTTPServer(("127.0.0.1", urlsplit(home.settings.simulator_url).port or 0), Network)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()


def measure(home: House, times: int) -> tuple[list[float], list[float]]:
    """(milliseconds from ready to originate, milliseconds from RQ's enqueue to the first line), alternating."""
    parts = build(home.settings)
    line = parts.line
    for n in range(times):
        line.add_agent(f"a{n}", f"Agent {n}", f"sim:a{n}", ("line",))
    line.add_agent("busy", "Signed in and away", "sim:busy", ("line",))
    line.sign_in("busy")
    line.pause("busy", "lunch")
    for n in range(times):
        joined = line.answer(JoinLine("line", f"+55119{40_000_000 + n}", "pt-BR", 0, ()), Caller(f"c{n}"))
        assert joined.outcome == "joined", joined
    client = redis_server.connect(home.env["REDIS_URL"], decode_responses=False)
    plain = RqQueue("plain", connection=client)
    ours: list[float] = []
    rqs: list[float] = []
    for n in range(times):
        begun = time.monotonic()
        line.sign_in(f"a{n}")
        to, at = ARRIVED.get(timeout=30)
        assert to == f"sim:a{n}"
        ours.append((at - begun) * 1000)
        begun = time.monotonic()
        plain.enqueue("_noop.first_line", result_ttl=0)
        found = client.blpop(["first_line"], timeout=30)
        assert found is not None
        rqs.append((float(found[1]) - begun) * 1000)
    return ours, rqs


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--n", type=int, default=500, help="agents who become ready, one after the other")
    said = words.parse_args()
    # A redis-py client of RQ's own command line, which takes the address from its argument.
    with house(PYTHONPATH=str(HERE)) as home, network(home):
        client = redis_server.connect(home.env["REDIS_URL"], decode_responses=False)
        plain = (sys.executable, "-m", "rq.cli", "worker", "--url", home.env["REDIS_URL"])
        with (
            home.running(*retorno("worker")),
            home.running(*plain, "--quiet", "--worker-class", "rq.worker.SimpleWorker", "plain"),
        ):
            until(lambda: len(Worker.all(connection=client)) == 2, "both workers are there")
            measured = measure(home, said.n)
        print(setting(home.env["REDIS_URL"]))
        print(f"{said.n} times, one worker process each, appendfsync always")
        names = ("agent ready -> provider asked", "RQ alone: enqueue -> first line")
        rows = [
            [name, *(quantile(times, share) for share in (0.5, 0.95, 0.99)), max(times)]
            for name, times in zip(names, measured, strict=True)
        ]
        print(table(("ms", "p50", "p95", "p99", "max"), rows))
        ours, rqs = measured
        print(f"aim: p95 under {AIM_P95_MS:g} ms; measured {quantile(ours, 0.95):.1f} ms")
        print(f"ratio: ours / RQ alone = {quantile(ours, 0.5) / quantile(rqs, 0.5):.2f} at p50")


if __name__ == "__main__":
    main()
