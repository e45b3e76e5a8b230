"""docs/asterisk.md is true: a newcomer who does what it says, block by block, has a call between two softphones."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pytest
import requests
from rig import Answer, Node, Phones, until
from rig.node import _installed

from ivr.config import load
from ivr.instructions import Say
from ivr.providers.asterisk.nodes import _File, _Node, _Phone, _Trunk, load_site
from ivr.speech.sounds import sounds_from

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "asterisk.md"
BY_HAND = "# by hand"
WELCOME = Say("Olá! Obrigado por ligar.", "pt-BR")


class Block(NamedTuple):
    language: str
    heading: str
    text: str


def blocks() -> list[Block]:
    found, heading, fence, lines = [], "", None, list[str]()
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if fence is None and line.startswith("#"):
            heading = line.lstrip("# ")
        if line.startswith("```") and fence is None:
            fence, lines = line[3:], []
        elif line.startswith("```"):
            found.append(Block(fence or "", heading, "\n".join(lines) + "\n"))
            fence = None
        else:
            lines.append(line)
    return found


def shell(heading: str) -> str:
    """The one block of commands below a heading that is not done by hand."""
    (text,) = (b.text for b in blocks() if b.heading == heading and b.language == "sh" and BY_HAND not in b.text)
    return text


@pytest.mark.parametrize("text", [b.text for b in blocks() if b.language == "yaml"])
def test_every_file_shown_is_right(text: str) -> None:
    assert load_site(text, "asterisk.yaml")[1] == []


def test_the_mistake_shown_is_told_so() -> None:
    shown = next(b.text for b in blocks() if b.heading == "3. asterisk.yaml" and b.language == "yaml")
    wrong = shown.replace("0.0.0.0:5060", '"5060"')
    (problem,) = load_site(wrong, "asterisk.yaml")[1]
    assert str(problem).removesuffix(" [bad-value]") in PAGE.read_text(encoding="utf-8")


def test_every_line_of_the_file_is_explained() -> None:
    rows = re.findall(r"^\| (`[^|]*`) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    explained = {name for row in rows for name in re.findall(r"`([a-z_]+)`", row)}
    written = {
        field.alias or name
        for model in (_File, _Node, _Trunk, _Phone)
        for name, field in model.model_fields.items()
        if name not in ("version", "nodes", "trunks", "phones")
    }
    assert written <= explained


def test_each_block_is_run_here_or_by_hand() -> None:
    headings = [b.heading for b in blocks() if b.language == "sh" and not b.text.startswith(BY_HAND)]
    assert headings == [*STEPS, "An existing PBX, FreePBX"]


STEPS = (
    "2. Settings and flows",
    "4. The files of Asterisk",
    "5. Start",
    "5. Start",
    "6. An agent, and two softphones",
    "7. The call",
    "7. The call",
)


@dataclass
class Machine:
    """A folder that is the newcomer's machine: the page's paths and ports are others here, all else is as written."""

    folder: Path
    values: Mapping[str, str]
    env: Mapping[str, str]
    begun: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def here(self, text: str) -> str:
        for written, real in self.values.items():
            text = text.replace(written, real)
        return text

    def do(self, text: str, *, fails: bool = False) -> str:
        """What the commands of a block print; all must be well unless they may fail."""
        done = subprocess.run(
            ["bash", "-euc", self.here(text)],
            check=False,
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert fails or done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}\n{self.log()}"
        return done.stdout

    def begin(self, text: str) -> None:
        """A block whose commands stay in the background."""
        assert all(line.endswith("&") for line in text.strip().splitlines())
        for line in text.strip().splitlines():
            command = ["bash", "-euc", f"exec {self.here(line).removesuffix('&')}"]
            self.begun.append(subprocess.Popen(command, cwd=self.folder, env=self.env, start_new_session=True))

    def log(self) -> str:
        texts = [file.read_text(errors="replace")[-4000:] for file in sorted(self.folder.glob("*.out"))]
        return "\n".join(texts)

    def end(self) -> None:
        for process in reversed(self.begun):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(20)


@pytest.fixture
def machine(asterisk_binary: Path, tmp_path: Path) -> Iterator[Machine]:
    ports = Node("ports", tmp_path, binary=asterisk_binary, channels=20)
    # Not tmp_path: the path of Asterisk's unix socket may not be longer than 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="rtdoc-", dir="/tmp"))
    (folder / "bin").mkdir()
    (folder / "bin" / "asterisk").symlink_to(asterisk_binary)
    own = {name: value for name, value in os.environ.items() if not name.startswith(("RETORNO_", "REDIS_"))}
    path = f"{folder / 'bin'}:{Path(sys.executable).parent}:{own['PATH']}"
    values = {
        "/srv/retorno": str(folder),
        "/opt/retorno": str(ROOT),
        "0.0.0.0:5060": f"127.0.0.1:{ports.sip[1]}",
        "127.0.0.1:5038": f"127.0.0.1:{ports.ami[1]}",
        "10000-20000": f"{ports.rtp[0]}-{ports.rtp[1]}",
        "127.0.0.1:8000": f"127.0.0.1:{ports.http[1]}",
    }
    made = Machine(folder, values, {**own, "PATH": path, "RETORNO_PORT": str(ports.http[1])})
    try:
        yield made
    finally:
        made.end()
        ports.close()
        shutil.rmtree(folder, ignore_errors=True)


def asterisk_yaml(machine: Machine, binary: Path) -> str:
    """The file as shown. An Asterisk that was unpacked and not installed is told where its parts are."""
    text = next(b.text for b in blocks() if b.heading == "3. asterisk.yaml" and b.language == "yaml")
    modules, data = _installed(binary)
    if not modules.is_relative_to("/usr"):
        text = re.sub(r"^(    )(home: )", rf"\1modules: {modules}\n\1data: {data}\n\1\2", text, flags=re.MULTILINE)
    return machine.here(text)


@pytest.mark.slow
def test_a_newcomer_who_does_as_written_has_a_call(machine: Machine, asterisk_binary: Path) -> None:
    starts = [b.text for b in blocks() if b.heading == "5. Start" and b.language == "sh"]
    calls = [b.text for b in blocks() if b.heading == "7. The call" and b.language == "sh"]
    machine.do(shell("2. Settings and flows"))
    (machine.folder / "asterisk.yaml").write_text(asterisk_yaml(machine, asterisk_binary), encoding="utf-8")

    printed = machine.do(shell("4. The files of Asterisk"))
    secrets = dict(re.findall(r"^(\w+): password ([0-9a-f]{24}), server 127.0.0.1:\d+$", printed, re.MULTILINE))
    assert set(secrets) == {"ana", "visitor"}
    as_shown = next(
        b.text for b in blocks() if b.heading == "4. The files of Asterisk" and b.language == ""
    ).splitlines()
    assert printed.splitlines()[0] == as_shown[0]

    machine.begin(starts[0])
    until(lambda: "fail" not in (said := machine.do(starts[1], fails=True)) and said, "the check", machine.log)
    assert "not registered at node1: ana, visitor" in machine.do(starts[1])
    machine.do(shell("6. An agent, and two softphones"))
    assert "paused (phone not connected)" in machine.do("retorno agent list")

    with Phones() as phones:
        server = ("127.0.0.1", int(machine.here("0.0.0.0:5060").rpartition(":")[2]))
        ana, visitor = (
            phones.add(name, server, secret=secrets[name], registers=True, behaviour=Answer())
            for name in ("ana", "visitor")
        )
        until(lambda: " ready " in machine.do("retorno agent list"), "ana is ready", machine.log)
        call = visitor.dial("700").wait_up()
        sounds = sounds_from(load({"RETORNO_SECRET_KEY": "x" * 32}, None))
        welcome = machine.folder / "sounds" / f"{sounds.sound_of(WELCOME)}.ulaw"
        until(welcome.exists, "the welcome is spoken", machine.log)
        call.wait_matches(welcome)
        desk = ana.wait_call().wait_up()
        until(lambda: desk.heard() or not desk.silent(), "ana hears who it is", machine.log)
        desk.press("1")
        call.say(700)
        desk.say(1100)
        desk.wait_hears(700)
        call.wait_hears(1100)
        assert requests.get(machine.here("http://127.0.0.1:8000/"), timeout=5).status_code == 200
        told = machine.do(calls[0])
        assert "front_desk" in told
        assert "fail" not in told
        machine.do(calls[1])
        call.hang_up()
        desk.wait_ended()
    fragments = shell("An existing PBX, FreePBX")
    machine.do(fragments)
    assert len(list((machine.folder / "fragments").iterdir())) == 4
