"""The fence round the requests of flows: where they may go, and what becomes of every answer."""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from structlog.testing import capture_logs

from ivr.asks import Fetch
from ivr.fetch import MAX_BYTES, Fetcher, NotAllowed, Target
from ivr.inputs import Answer

HOST = "crm.aurora.example"
TOKEN = "very-secret-token"


def ask(url: str = f"https://{HOST}/customers", **more: Any) -> Fetch:
    given: dict[str, Any] = {
        "step": "crm",
        "method": "GET",
        "headers": {},
        "body": None,
        "secret": "",
        "timeout_ms": 1_000,
        "retries": 0,
    }
    return Fetch(url=url, **{**given, **more})


def resolving(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Every name resolves to these from now on. Returns the names that are looked up."""
    asked: list[str] = []

    def lookup(host: str, port: int, **_options: object) -> list[tuple[Any, ...]]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    return asked


# where it may go


@pytest.mark.parametrize(
    ("url", "why"),
    [
        (f"http://{HOST}/", "expected https"),
        (f"ftp://{HOST}/", "expected https"),
        (f"file:///{HOST}/etc/passwd", "expected https"),
        ("https://elsewhere.example/", "not on the list"),
        (f"https://{HOST}.elsewhere.example/", "not on the list"),
        (f"https://x{HOST}/", "not on the list"),
        ("https://127.0.0.1/", "not on the list"),
        ("https://[::1]/", "not on the list"),
        ("https:///nowhere", "not on the list"),
        (f"https://{HOST}:8443/", f"{HOST}:8443 is not on the list"),
        (f"https://{HOST}:22/", "not on the list"),
        (f"https://ana:pass@{HOST}/", "expected no user name"),
        (f"https://ana@{HOST}/", "expected no user name"),
        (f"https://{HOST}@elsewhere.example/", "not on the list|expected no user name"),
        (f"https://elsewhere.example#@{HOST}/", "not on the list"),
        (f"https://elsewhere.example\\@{HOST}/", "not on the list|expected no user name"),
    ],
)
def test_a_url_that_is_not_on_the_list_is_refused_before_any_name_is_looked_up(
    monkeypatch: pytest.MonkeyPatch, url: str, why: str
) -> None:
    asked = resolving(monkeypatch, "93.184.216.34")
    with pytest.raises(NotAllowed, match=why):
        Fetcher(frozenset({HOST})).target(url)
    assert asked == []
    assert Fetcher(frozenset({HOST}))(ask(url)) == Answer("failed", {"code": 0, "why": "NotAllowed"})


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "0.0.0.0",  # noqa: S104 - refused, not bound
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a00:1",
        "64:ff9b:1::a00:1",
        "2002:a00:1::1",
        "2001:0:a00:1::1",
    ],
)
def test_a_name_that_leads_inside_is_refused_whoever_else_it_leads_to(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    for addresses in ((address,), ("93.184.216.34", address)):
        resolving(monkeypatch, *addresses)
        with pytest.raises(NotAllowed, match="not a public address"):
            Fetcher(frozenset({HOST})).target(f"https://{HOST}/")


def test_a_name_that_leads_nowhere_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch)
    with pytest.raises(NotAllowed, match="nothing"):
        Fetcher(frozenset({HOST})).target(f"https://{HOST}/")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (f"https://{HOST}", Target("https", HOST, "93.184.216.34", 443, "/")),
        (f"https://{HOST.upper()}/a/b?c=d", Target("https", HOST, "93.184.216.34", 443, "/a/b?c=d")),
        (f"https://{HOST}:443/a", Target("https", HOST, "93.184.216.34", 443, "/a")),
        ("https://other.example:8443/a", Target("https", "other.example", "93.184.216.34", 8443, "/a")),
    ],
)
def test_a_listed_host_is_reached_at_the_address_that_was_looked_at(
    monkeypatch: pytest.MonkeyPatch, url: str, expected: Target
) -> None:
    asked = resolving(monkeypatch, "93.184.216.34", "2606:2800:220:1::1")
    assert Fetcher(frozenset({HOST, "other.example:8443"})).target(url) == expected
    assert len(asked) == 1, "looked up once: it cannot change between the look and the connection"


# what comes back, from a real server that stands in


class Company(BaseHTTPRequestHandler):
    """Answers by the path; remembers what it was sent."""

    protocol_version = "HTTP/1.1"
    heard: list[dict[str, Any]] = []
    let_go = threading.Event()

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.heard.append(
            {"method": self.command, "path": self.path, "headers": self.headers, "body": self.rfile.read(length)}
        )
        name = self.path.split("?")[0].removeprefix("/crm/")
        getattr(self, f"_{name}")()

    do_POST = do_GET  # noqa: N815 - the name that the library calls

    def _answer(self, code: int, body: bytes, **headers: str) -> None:
        self.send_response(code)
        for header, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(header, value)
        self.end_headers()
        self.wfile.write(body)

    def _ok(self) -> None:
        self._answer(200, '{"name": "João", "tier": "vip"}'.encode())

    def _empty(self) -> None:
        self._answer(204, b"")

    def _missing(self) -> None:
        self._answer(404, b'{"error": "who?"}')

    def _busy(self) -> None:
        self._answer(503, b"{}", **{"Retry-After": "3600"})

    def _redirect(self) -> None:
        self._answer(302, b"{}", Location="http://127.0.0.1:1/elsewhere")

    def _html(self) -> None:
        self._answer(200, b"<html>")

    def _deep(self) -> None:
        self._answer(200, b"[" * 60_000)

    def _just(self) -> None:
        self._answer(200, b'"' + b"x" * (MAX_BYTES - 2) + b'"')

    def _long(self) -> None:
        self._answer(200, b'"' + b"x" * (MAX_BYTES - 1) + b'"')

    def _silent(self) -> None:
        self.let_go.wait(30)

    def _dripping(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "60000")
        self.end_headers()
        while not self.let_go.wait(0.05):
            try:
                self.wfile.write(b" ")
            except OSError:
                return

    def _broken(self) -> None:
        self.wfile.write(b"what?\r\n\r\n")
        self.close_connection = True

    def log_message(self, *_given: object) -> None: ...


@pytest.fixture
def company() -> Iterator[str]:
    """The address of the company's server."""
    Company.heard, Company.let_go = [], threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Company)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/crm/"
    Company.let_go.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def fetch(company: str) -> Fetcher:
    return Fetcher(frozenset(), {"crm_token": TOKEN}, {HOST: company})


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("ok", Answer("ok", {"code": 200, "body": {"name": "João", "tier": "vip"}})),
        ("empty", Answer("ok", {"code": 204, "body": None})),
        ("just", Answer("ok", {"code": 200, "body": "x" * (MAX_BYTES - 2)})),
        ("missing", Answer("failed", {"code": 404, "body": {"error": "who?"}})),
        ("redirect", Answer("failed", {"code": 302, "body": {}})),
        ("html", Answer("failed", {"code": 0, "why": "JSONDecodeError"})),
        ("deep", Answer("failed", {"code": 0, "why": "RecursionError"})),
        ("long", Answer("failed", {"code": 0, "why": "NotAllowed"})),
        ("silent", Answer("failed", {"code": 0, "why": "ReadTimeoutError"})),
        ("dripping", Answer("failed", {"code": 0, "why": "TimeoutError"})),  # else we would hear it all, in 50 minutes
        ("broken", Answer("failed", {"code": 0, "why": "ProtocolError"})),
    ],
)
def test_every_answer_is_an_outcome(fetch: Fetcher, path: str, expected: Answer) -> None:
    assert fetch(ask(f"https://{HOST}/{path}")) == expected
    assert len(Company.heard) == 1, "and no redirect was followed"


def test_nobody_there_is_a_failure(fetch: Fetcher) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        away = Fetcher(frozenset(), {}, {HOST: f"http://127.0.0.1:{nobody.getsockname()[1]}"})
        assert away(ask()) == Answer("failed", {"code": 0, "why": "NewConnectionError"})


def test_a_name_that_does_not_resolve_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_given: object, **_options: object) -> None:
        raise socket.gaierror("Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert Fetcher(frozenset({HOST}))(ask()) == Answer("failed", {"code": 0, "why": "gaierror"})


def test_a_request_carries_what_the_flow_says(fetch: Fetcher) -> None:
    given = ask(
        f"https://{HOST}/ok?page=2", method="POST", headers={"X-Flow": "front"}, body={"cpf": "1"}, secret="CRM_TOKEN"
    )
    assert fetch(given).outcome == "ok"
    (heard,) = Company.heard
    assert (heard["method"], heard["path"], json.loads(heard["body"])) == ("POST", "/crm/ok?page=2", {"cpf": "1"})
    headers = heard["headers"]
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert headers["X-Flow"] == "front"
    assert headers["Content-Type"] == "application/json"


def test_a_secret_that_is_not_configured_sends_nothing_and_says_what_to_set(fetch: Fetcher) -> None:
    with capture_logs() as logged:
        assert fetch(ask(secret="BILLING")).values["why"] == "NotAllowed"
    assert Company.heard == []
    assert "set RETORNO_SECRET_BILLING" in logged[0]["why"]


def test_a_server_that_wants_to_be_asked_in_an_hour_is_not_waited_for(fetch: Fetcher) -> None:
    assert fetch(ask(f"https://{HOST}/busy", retries=1)) == Answer("failed", {"code": 503, "body": {}})
    assert len(Company.heard) == 1


@pytest.mark.parametrize(("method", "retries", "tries"), [("GET", 2, 3), ("GET", 0, 1), ("POST", 2, 1)])
def test_only_a_get_is_tried_again(fetch: Fetcher, method: str, retries: int, tries: int) -> None:
    assert fetch(ask(f"https://{HOST}/broken", method=method, retries=retries)).outcome == "failed"
    assert len(Company.heard) == tries


@pytest.mark.parametrize("path", ["ok", "missing", "html", "long", "silent", "broken"])
def test_neither_the_token_nor_what_was_typed_is_ever_logged(
    fetch: Fetcher, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    caplog.set_level(logging.DEBUG)
    typed = "52998224725"
    given = ask(f"https://{HOST}/{path}?cpf={typed}", body={"pin": typed}, secret="crm_token", timeout_ms=200)
    with capture_logs() as logged:
        fetch(given)
    ours = [record for record in caplog.records if not record.name.startswith("urllib3")]
    told = f"{logged} {[record.getMessage() for record in ours]} {fetch!r}"
    assert TOKEN not in told
    assert TOKEN not in caplog.text
    assert typed not in told
