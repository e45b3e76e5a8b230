"""A real Asterisk of a test's own: its folders, its ports on 127.0.0.1, its life and death.

Law: it takes only ports it has claimed, so that any number of nodes and test runs stand side by side; it dies with the
process that started it, whatever happens to that; and only it is ended, by its own id.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType

from .call import until
from .sip import Address

PATIENCE_S = 30.0
# Below what the system gives to others as ephemeral ports.
_PORTS = range(10_000, 32_000, 500)

ASTERISK_CONF = """[directories]
astetcdir => {etc}
astmoddir => {modules}
astvarlibdir => {root}/lib
astdbdir => {root}/lib
astkeydir => {root}/lib
astdatadir => {root}/data
astcachedir => {root}/cache
astspooldir => {root}/spool
astrundir => {run}
astlogdir => {root}/log
astagidir => {root}/data/agi-bin
astsbindir => {root}
[options]
systemname = {name}
documentation_language = en_US
"""
LOGGER_CONF = "[logfiles]\nfull => notice,warning,error,verbose(3)\n"


class Node:
    """One Asterisk. Write its configuration, start it, ask it, stop it or kill it, start it again on the same ports.

    `etc` is its configuration folder and `sounds` its sounds/ folder, both there before it starts. asterisk.conf is ours;
    logger.conf and rtp.conf are too, unless `files` has them. `channels`: how many it can carry at once.
    """

    def __init__(
        self, name: str, folder: Path, files: Mapping[str, str] | None = None, *, binary: Path, channels: int = 200
    ) -> None:
        self.name = name
        self.binary = binary
        self.root = folder / name
        self.etc = self.root / "etc"
        self.sounds = self.root / "data" / "sounds"
        # Not in the folder: a unix socket's path may not be longer than 107 bytes.
        self.run = Path(tempfile.mkdtemp(prefix="ast-", dir="/tmp"))
        self._claims, base = _claim(3 + 2 * channels)
        self.sip: Address = ("127.0.0.1", base + 1)
        self.ami: Address = ("127.0.0.1", base + 2)
        self.http: Address = ("127.0.0.1", base + 3)
        self.rtp = (base + 10, base + 11 + 2 * channels)
        self._process: subprocess.Popen[bytes] | None = None
        self._make_folders()
        rtp = f"[general]\nrtpstart={self.rtp[0]}\nrtpend={self.rtp[1]}\n"
        self.write({"logger.conf": LOGGER_CONF, "rtp.conf": rtp, **(files or {})})

    def write(self, files: Mapping[str, str]) -> None:
        """Write configuration files; a running node has to be told to read them."""
        for name, text in files.items():
            (self.etc / name).write_text(text, encoding="utf-8")

    def start(self) -> Node:
        """Start it and wait until it is fully booted. AssertionError with its log when it does not come up.

        It dies with the *thread* that started it (that is what Linux offers): start nodes in the tests' main thread.
        """
        assert self._process is None, f"{self.name} runs already"
        with (self.root / "out.log").open("ab") as out:
            self._process = subprocess.Popen(
                # The shell's Asterisk dies with us even when we are killed.
                ["setpriv", "--pdeathsig", "KILL", str(self.binary), "-f", "-C", str(self.root / "asterisk.conf")],
                cwd=self.root,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # the terminal's ^C is for the tests
            )
        until = time.monotonic() + PATIENCE_S
        while "fully booted" not in self._ask("core waitfullybooted").stdout:
            assert self._process.poll() is None, f"{self.name} ended at once\n{self.log()}"
            assert time.monotonic() < until, f"{self.name} did not come up\n{self.log()}"
            time.sleep(0.02)
        return self

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """For signals of a test's own, such as SIGSTOP."""
        assert self._process, f"{self.name} does not run"
        return self._process.pid

    def cli(self, command: str) -> str:
        """What `asterisk -rx command` prints. AssertionError when it cannot be asked."""
        answer = self._ask(command)
        assert answer.returncode == 0, f"{self.name}: {command}: {answer.stdout}{answer.stderr}\n{self.log()}"
        return answer.stdout

    def channels(self) -> list[str]:
        """The names of the channels it has just now."""
        return [line.split("!")[0] for line in self.cli("core show channels concise").splitlines() if "!" in line]

    def wait_phone(self, name: str) -> None:
        """Until it can ring the phone `name`: a little after it has told the phone that it is registered."""
        until(
            lambda: "Not in use" in self.cli(f"pjsip show endpoint {name}"),
            f"{name} can be rung",
            self.log,
            PATIENCE_S,
            0.03,
        )

    def stop(self) -> None:
        """An orderly end: calls are hung up, registrations kept."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        process, self._process = self._process, None
        process.send_signal(signal.SIGCONT)
        process.send_signal(how)
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired as late:
            process.kill()
            process.wait(PATIENCE_S)
            raise AssertionError(f"{self.name} did not end\n{self.log()}") from late

    def log(self, lines: int = 80) -> str:
        """The last lines of what it printed and logged."""
        files = (self.root / "out.log", self.root / "log" / "full")
        texts = [file.read_text(errors="replace") for file in files if file.exists()]
        return "\n".join("\n".join(text.splitlines()[-lines:]) for text in texts)

    def close(self) -> None:
        """For good: ended, its ports given back, its run folder removed. What it wrote stays for who reads it."""
        self.kill()
        for claim in self._claims:
            claim.close()
        shutil.rmtree(self.run, ignore_errors=True)

    def __enter__(self) -> Node:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, command: str) -> subprocess.CompletedProcess[str]:
        line = [str(self.binary), "-C", str(self.root / "asterisk.conf"), "-rx", command]
        return subprocess.run(line, capture_output=True, text=True, errors="replace", timeout=PATIENCE_S, check=False)

    def _make_folders(self) -> None:
        for name in ("etc", "lib", "cache", "spool", "log"):
            (self.root / name).mkdir(parents=True)
        modules, shared = _installed(self.binary)
        # Its documentation and so on where it looks for them, and a sounds folder that a test may write into.
        (self.root / "data").mkdir()
        for entry in shared.iterdir():
            if entry.name != "sounds":
                (self.root / "data" / entry.name).symlink_to(entry)
        self.sounds.mkdir()
        settings = {"etc": self.etc, "modules": modules, "root": self.root, "run": self.run, "name": self.name}
        (self.root / "asterisk.conf").write_text(ASTERISK_CONF.format(**settings))


def _installed(binary: Path) -> tuple[Path, Path]:
    """The modules and the shared data of an Asterisk: beside an unpacked one, else in the system."""
    unpacked = binary.resolve().parent / "tree"
    top = unpacked if unpacked.is_dir() else Path("/")
    for modules in (*top.glob("usr/lib/*/asterisk/modules"), *top.glob("usr/lib*/asterisk/modules")):
        for shared in (top / "usr/share/asterisk", top / "var/lib/asterisk"):
            if (shared / "documentation").is_dir():
                return modules, shared
    raise AssertionError(f"no modules and documentation of {binary} under {top}")


def _claim(ports: int) -> tuple[list[socket.socket], int]:
    """A run of ports that nobody else of us has. A bound socket at the beginning of each block is the claim."""
    blocks = -(-(ports + 12) // _PORTS.step)
    start = os.getpid() % len(_PORTS)
    for first in _turned(list(_PORTS[: len(_PORTS) - blocks + 1]), start):
        claims: list[socket.socket] = []
        try:
            for base in range(first, first + blocks * _PORTS.step, _PORTS.step):
                claims.append(_bound(base, socket.SOCK_DGRAM))
            for port, kind in ((1, socket.SOCK_DGRAM), (2, socket.SOCK_STREAM), (3, socket.SOCK_STREAM)):
                _bound(first + port, kind).close()
        except OSError:
            for claim in claims:
                claim.close()
            continue
        return claims, first
    raise AssertionError("no free run of ports for an Asterisk between 10000 and 32000")


def _bound(port: int, kind: socket.SocketKind) -> socket.socket:
    one = socket.socket(socket.AF_INET, kind)
    try:
        one.bind(("127.0.0.1", port))
    except OSError:
        one.close()
        raise
    return one


def _turned(items: list[int], by: int) -> Iterator[int]:
    yield from items[by:]
    yield from items[:by]
