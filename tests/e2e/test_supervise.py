"""The supervisor: restarts what dies, ends all in order, leaves nothing behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from waiting import until

from ivr import supervise
from ivr.errors import Busy
from ivr.supervise import Part

SUPERVISOR = """
import os, sys
from ivr.supervise import Part, Stop, run
stop = Stop()
stop.listen()
texts = sys.argv[2:]
parts = [Part(f"part-{n}", (sys.executable, "-c", text, sys.argv[1]), grace_s=1.0) for n, text in enumerate(texts)]
run(parts, dict(os.environ), stop, lambda: None)
print("ended", flush=True)
"""

# Each part writes what happens to it into the file that it is given.
NOTES = """
import os, signal, sys, time
def note(word):
    with open(sys.argv[1], "a") as file:
        file.write(word + "\\n")
"""
OBEDIENT = (
    NOTES
    + """
def end(*_):
    note("{name} ended")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
note(f"{name} {{os.getpid()}}")
while True:
    time.sleep(60)
"""
)
STUBBORN = NOTES + "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nnote(f'stubborn {os.getpid()}')\ntime.sleep(60)\n"
SHORT = NOTES + "note(f'short {os.getpid()}')\n"
WITH_PARENT = (
    NOTES + "from ivr import supervise\nsupervise.end_with_parent()\nnote(f'loyal {os.getpid()}')\ntime.sleep(60)\n"
)


def notes(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


def pids(file: Path, name: str) -> list[int]:
    words = [note.split() for note in notes(file)]
    return [int(word[1]) for word in words if word[0] == name and word[1].isdigit()]


def alive(pid: int) -> bool:
    """Whether it runs: an ended process that nobody has asked after (a zombie) does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def begin(file: Path, *texts: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(file), *texts], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_a_part_that_was_killed_runs_again_and_the_others_are_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "notes"
    supervisor = begin(file, OBEDIENT.format(name="a"), OBEDIENT.format(name="b"))
    until(lambda: pids(file, "a") and pids(file, "b"), "both run")
    os.kill(pids(file, "a")[0], signal.SIGKILL)
    until(lambda: len(pids(file, "a")) == 2, "a runs again")
    assert len(pids(file, "b")) == 1
    supervisor.terminate()
    _, said = supervisor.communicate(timeout=30)
    assert supervisor.returncode == 0
    assert "part-0     | ended (by SIGKILL); starting it again" in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_all_the_last_started_first(tmp_path: Path, number: signal.Signals) -> None:
    file = tmp_path / "notes"
    supervisor = begin(file, *(OBEDIENT.format(name=name) for name in "abc"))
    until(lambda: len(notes(file)) == 3, "all run")
    supervisor.send_signal(number)
    said, _ = supervisor.communicate(timeout=30)
    assert said == "ended\n"
    assert [note for note in notes(file) if note.endswith("ended")] == ["c ended", "b ended", "a ended"]


def test_what_does_not_end_in_its_grace_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "notes"
    supervisor = begin(file, STUBBORN)
    until(lambda: pids(file, "stubborn"), "it runs")
    supervisor.terminate()
    _, said = supervisor.communicate(timeout=30)
    assert "does not end: killed" in said
    assert not alive(pids(file, "stubborn")[0])


def test_what_dies_young_is_started_again_with_growing_delays(tmp_path: Path) -> None:
    file = tmp_path / "notes"
    supervisor = begin(file, SHORT)
    until(lambda: len(pids(file, "short")) == 3, "three starts")
    supervisor.terminate()
    _, said = supervisor.communicate(timeout=30)
    waits = [line.split(" in ")[1] for line in said.splitlines() if "starting it again" in line]
    assert waits[:2] == ["0.2 s", "0.4 s"]


def test_delays_grow_to_a_limit_and_a_grown_up_part_has_none() -> None:
    assert [supervise.delay_s(deaths) for deaths in range(9)] == [0, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the parent death signal is Linux's")
def test_when_the_supervisor_is_killed_its_parts_end_too(tmp_path: Path) -> None:
    file = tmp_path / "notes"
    supervisor = begin(file, WITH_PARENT)
    until(lambda: pids(file, "loyal"), "it runs")
    supervisor.kill()
    supervisor.communicate(timeout=30)
    until(lambda: not alive(pids(file, "loyal")[0]), "the part has ended")


def test_a_second_supervisor_on_the_same_directory_is_told_of_the_first(tmp_path: Path) -> None:
    told = pytest.raises(Busy, match=rf"already runs on .* \(process {os.getpid()}\)")
    with supervise.alone(tmp_path), told, supervise.alone(tmp_path):
        pass
    with supervise.alone(tmp_path):
        pass


def test_a_port_in_use_is_told_with_the_variable_to_change() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(Busy, match=f"cannot listen on 127.0.0.1:{port} .* set RETORNO_PORT"):
            supervise.free_port("127.0.0.1", port, "RETORNO_PORT", patience_s=0.2)
    supervise.free_port("127.0.0.1", port, "RETORNO_PORT", patience_s=0.2)


def test_a_part_is_a_name_a_command_and_a_grace() -> None:
    assert Part("web", ("retorno", "web")).grace_s == 10.0
