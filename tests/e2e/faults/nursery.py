"""Starts parts of the installation in no time: a process that has imported everything, and forks.

`python -m faults.nursery` reads one JSON line for each part to start: {argv, env, log, seed, points, planted, notes}, and writes
{"pid": ...}; when a part ends it writes {"ended": pid, "code": ...}. A part is a session of its own and runs the same command
that `retorno up` would run, after the worst points have been put in place.
"""

from __future__ import annotations

import json
import os
import select
import sys
from typing import Any

from callback import scripts, timekeeper
from faults import points


def main() -> None:
    import ivr.cli.parts  # noqa: F401 - what a part takes a second to import, it finds imported

    scripts.script_texts()
    timekeeper.LOCK_SECONDS = 1.0  # counted by the wall, so on a fast clock it would be minutes without a sweep
    waiting = b""
    while True:
        readable, _, _ = select.select([0], [], [], 0.02)
        if readable:
            piece = os.read(0, 65_536)
            if not piece:
                return
            *lines, waiting = (waiting + piece).split(b"\n")
            for line in lines:
                _say(pid=_start(json.loads(line)))
        _reap()


def _start(order: dict[str, Any]) -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    os.setsid()
    log = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.clear()
    os.environ.update(order["env"], SUPERVISOR_PID=str(parent))
    points.install(order["points"], order["planted"], order["notes"], f"{order['seed']}/{os.getpid()}")
    from ivr.cli import main as retorno

    try:
        retorno(order["argv"], standalone_mode=True)
    except SystemExit as end:
        os._exit(end.code if isinstance(end.code, int) else 1)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        os._exit(1)
    os._exit(0)


def _reap() -> None:
    while True:
        try:
            pid, state = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        _say(ended=pid, code=os.waitstatus_to_exitcode(state))


def _say(**what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
