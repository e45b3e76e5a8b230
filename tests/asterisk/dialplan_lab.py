"""A node with the generated configuration and a web server that answers by a script: the dialplan alone, without our engine.

Law: what was dialled names the story; the web answers it step by step, checks every signature with the real `mac.verify`, and keeps
what it was sent. Every sound is a tone, so that a phone can tell which one it hears: the sound of 600 Hz has the id `hertz(600)`.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from flask import Flask, Response, request
from rig import Call, Node, Phones, tone, until
from werkzeug.serving import make_server

from ivr.config import Settings
from ivr.providers.asterisk import mac, passwords
from ivr.providers.asterisk.files import generate
from ivr.providers.asterisk.nodes import Address, Phone, Site, Trunk
from ivr.providers.asterisk.nodes import Node as SiteNode

SETTINGS = Settings(secret_key="a secret key of the dialplan's tests, forty chars")
MUSIC_HZ, WAIT_HZ, ONE_MOMENT_HZ, FALLBACK_HZ, SORRY_HZ = 440, 1250, 350, 500, 550
MISSING_HZ, RING_HZ, BEEP_HZ = 650, 430, 1000  # ringing is 425 Hz, as the phones tell it
SILENT_S = 1.2  # how long the music for slow steps is silent at first

Form = Mapping[str, str]
Reply = dict[str, str] | tuple[int, str]
Step = Reply | Callable[[Form], Reply]


def hertz(tone_hz: int) -> str:
    """The id of the sound that is a tone of so many Hz."""
    return f"{tone_hz:032x}"


def sounds(*tones_hz: int) -> str:
    return "&".join(map(hertz, tones_hz))


def gather(fixed: str = "", open: str = "", **more: str) -> dict[str, str]:
    return {"op": "gather", "max": "1", "first": "5", "inter": "1", "finish": "", "fixed": fixed, "open": open, **more}


def hold(**more: str) -> dict[str, str]:
    return {"op": "hold", "music": "default", "secs": "20", "keys": "1", "fixed": "", "open": "", **more}


def join(room: str, **more: str) -> dict[str, str]:
    return {"op": "join", "room": room, "host": "0", "record": "0", "fixed": "", "open": "", **more}


def dial(to: str, **more: str) -> dict[str, str]:
    return {"op": "dial", "to": to, "secs": "20", "caller": "", "fixed": "", "open": "", **more}


def bye(fixed: str = "") -> dict[str, str]:
    return {"op": "hangup", "fixed": fixed, "open": ""}


def slow(seconds: float, reply: Reply) -> Step:
    def late(_: Form) -> Reply:
        time.sleep(seconds)
        return reply

    return late


@dataclass
class Web:
    """A web server for nodes. `tell(number, *steps)`: how the call to that number goes. A story that is over hangs up."""

    port: int = 0
    stories: dict[str, list[Step]] = field(default_factory=dict)
    posts: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    forged: list[bytes] = field(default_factory=list)
    _told: ClassVar[dict[str, str]] = {}  # call -> number; of all, for the first of two may never hear of it
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Web:
        app = Flask("scripted")
        app.add_url_rule("/asterisk/<path>", view_func=self._post, methods=["POST"])
        self._server = make_server("127.0.0.1", self.port, app, threaded=True)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def tell(self, number: str, *steps: Step) -> None:
        self.stories[number] = list(steps)

    def heard(self, number: str) -> list[dict[str, str]]:
        """What was posted in the calls of that story, in order; the path is under `path`."""
        with self._lock:
            return [{"path": path, **form} for path, form in self.posts if self._told.get(form["call"]) == number]

    def wait_posts(self, number: str, count: int) -> list[dict[str, str]]:
        until(lambda: len(self.heard(number)) >= count, f"{count} posts of {number}", lambda: str(self.heard(number)))
        return self.heard(number)

    def call(self, number: str) -> str:
        """The id of the (last) call of that story."""
        return self.heard(number)[-1]["call"]

    def _post(self, path: str) -> Response:
        body = request.get_data()
        form = dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True))
        key = bytes.fromhex(passwords.webhook(SETTINGS, form["node"]))
        if not mac.verify(key, request.path, body, int(form["time"]), int(time.time())):
            self.forged.append(body)
            return Response(status=403)
        with self._lock:
            # A call that we placed is a story named by its id.
            number = self._told.setdefault(form["call"], form["to"] if path == "incoming" else form["call"])
            self.posts.append((path, form))
            story = self.stories.get(number, [])
            step: Step = story.pop(0) if story else bye()
        reply = step(form) if callable(step) else step
        if isinstance(reply, tuple):
            return Response(reply[1], status=reply[0], content_type="application/json")
        turn = str(int(form.get("turn") or "0") + 1)
        return Response(json.dumps({"call": form["call"], "turn": turn, **reply}), content_type="application/json")


class Lab:
    """A node named `name` that asks `webs`; `carrier` is where its trunk leads, `fallback` as in asterisk.yaml."""

    def __init__(
        self,
        name: str,
        folder: Path,
        binary: Path,
        webs: tuple[str, ...],
        *,
        carrier: int = 9,
        fallback: str = "",
        http_timeout: int = 2,
    ) -> None:
        self.node = Node(name, folder, binary=binary)
        here = SiteNode(
            name,
            Address(*self.node.sip),
            self.node.rtp,
            Address(*self.node.ami),
            self.node.sounds,
            self.node.etc,
        )
        self.site = Site(
            webs,
            {name: here},
            trunks={"carrier": Trunk("carrier", Address("127.0.0.1", carrier), sources=("anyone",), nodes=(name,))},
            outgoing="carrier",
            phones={phone: Phone(phone, name) for phone in ("ana", "bea-2", "201")},
            fallback=fallback,
            languages=("pt-BR", "en"),
            http_timeout=http_timeout,
        )
        self.node.write(generate(self.site, name, SETTINGS))
        self._sounds()

    def __enter__(self) -> Lab:
        self.node.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.node.close()

    def secret(self, phone: str) -> str:
        return passwords.phone(SETTINGS, phone)

    def ami(self, **fields: str) -> dict[str, str]:
        """One action of the control process's user, and its response."""
        login = {"Action": "Login", "Username": "retorno", "Secret": passwords.ami(SETTINGS, self.node.name)}
        with socket.create_connection(self.node.ami, 5) as link:
            stream = link.makefile("rwb")
            assert stream.readline().startswith(b"Asterisk Call Manager")
            for action in ({**login, "Events": "off"}, fields):
                stream.write("".join(f"{name}: {value}\r\n" for name, value in action.items()).encode() + b"\r\n")
                stream.flush()
                response = dict(_fields(stream))
        return response

    def redirect(self, call: str, attempt: str) -> None:
        """As the control process takes a caller out of his hold."""
        self.ami(Action="Setvar", Channel=call, Variable="RETORNO_ATTEMPT", Value=attempt)
        answer = self.ami(Action="Redirect", Channel=call, Context="retorno", Exten="joined", Priority="1")
        assert answer["Response"] == "Success", answer

    def originate(
        self, call: str, channel: str, context: str = "retorno", exten: str = "answered", **more: str
    ) -> None:
        where = {"Context": context, "Exten": exten, "Priority": "1"}
        answer = self.ami(Action="Originate", Channel=channel, ChannelId=call, Async="true", **where, **more)
        assert answer["Response"] == "Success", answer

    def _sounds(self) -> None:
        folder = self.node.sounds
        for tone_hz in (600, 700, 800, 900, 1000, 1100):
            (folder / f"{hertz(tone_hz)}.ulaw").write_bytes(tone(tone_hz, 0.8))
        for name in ("music", "wait"):
            (folder / "retorno" / name).mkdir(parents=True)
        (folder / "retorno" / "music" / "a.ulaw").write_bytes(tone(MUSIC_HZ, 3))
        quiet = b"\xff" * int(8000 * SILENT_S)
        (folder / "retorno" / "wait" / "a.ulaw").write_bytes(quiet + tone(WAIT_HZ, 30))
        (folder / "retorno" / "missing.ulaw").write_bytes(tone(MISSING_HZ, 0.3))
        for lang in self.site.languages:
            (folder / "retorno" / f"one-moment-{lang}.ulaw").write_bytes(tone(ONE_MOMENT_HZ, 0.3))
            (folder / "retorno" / f"fallback-{lang}.ulaw").write_bytes(tone(FALLBACK_HZ, 0.3))
            (folder / "retorno" / f"sorry-{lang}.ulaw").write_bytes(tone(SORRY_HZ, 0.3))


def dialled(
    lab: Lab, phones: Phones, number: str, *, from_user: str = "+5511998887766", display_name: str = ""
) -> Call:
    """Somebody has called that number and is answered."""
    return phones.add("caller", lab.node.sip).dial(number, from_user=from_user, display_name=display_name).wait_up()


def _fields(stream: Any) -> Iterator[tuple[str, str]]:
    while line := stream.readline().strip().decode():
        name, _, value = line.partition(": ")
        yield name, value
