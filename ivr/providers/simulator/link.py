"""How the simulated network reaches us and is reached: HTTP both ways, as it would be with a real one.

Law: signed in both directions. A webhook without an answer (an error, a time-out, nobody there) is None, and the network
decides what that means.
"""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import structlog
from flask import Flask, Response, abort, jsonify, request
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.test import run_wsgi_app

from ivr.ports import Gone, Listening, Outgoing, Refused
from ivr.providers.simulator.network import Network
from ivr.providers.simulator.wire import SIGNATURE, encode, sign, signed

log = structlog.get_logger()

TIMEOUT_S = 15.0
"""What Twilio gives a webhook."""


class Webhooks:
    """Posts to `base_url`, one kept connection per thread."""

    def __init__(self, base_url: str, key: bytes, timeout_s: float = TIMEOUT_S) -> None:
        self._key, self._timeout = key, timeout_s
        self.sent = 0
        self.aim(base_url)

    def aim(self, base_url: str) -> None:
        """Post to `base_url` from now on."""
        parts = urlsplit(base_url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._local = threading.local()

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        """The answer; an empty dict for one without content; None when there was none to go by."""
        data = encode(body)
        headers = {SIGNATURE: sign(self._key, path, data), "Content-Type": "application/json"}
        for _ in range(2):  # a kept connection may have been closed meanwhile
            try:
                connection = self._connection()
                connection.request("POST", path, data, headers)
                answer = connection.getresponse()
                content = answer.read()
                self.sent += 1
                if answer.status >= 300:
                    log.error(
                        "webhook refused", path=path, code=answer.status, said=content[:200].decode(errors="replace")
                    )
                    return None
                found: dict[str, Any] = json.loads(content) if content else {}
                return found
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                self._drop()
            except (OSError, http.client.HTTPException, ValueError) as error:
                self._drop()
                log.warning("webhook without an answer", path=path, why=str(error))
                return None
        return None

    def _connection(self) -> http.client.HTTPConnection:
        found: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if found is None:
            found = self._local.connection = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        return found

    def _drop(self) -> None:
        self._connection().close()
        self._local.connection = None


class Pooled:
    """Delivers webhooks from a pool of threads, as a network does: one slow answer holds up nobody else."""

    def __init__(self, webhooks: Webhooks, threads: int = 32) -> None:
        self._webhooks = webhooks
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="webhook")

    def __call__(self, path: str, body: dict[str, Any], then: Callable[[dict[str, Any] | None], None]) -> None:
        def deliver() -> None:
            try:
                then(self._webhooks.post(path, body))
            except Exception:
                log.exception("the simulated network failed", path=path)

        self._pool.submit(deliver)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)


class KeptAlive(WSGIRequestHandler):
    """HTTP/1.1, quiet: one connection for many requests, each read to its end before it is answered, the answer sent whole.

    werkzeug's own handler ends the connection after each answer. Both sides here are ours: a body comes with its length.
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = (
        True  # an answer is two writes, and the second would wait for the other side's ACK of the first
    )

    def run_wsgi(self) -> None:
        environ = self.make_environ()
        environ["wsgi.input"] = BytesIO(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        parts, status, headers = run_wsgi_app(self.server.app, environ, buffered=True)
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"".join(parts))

    def log(self, type: str, message: str, *args: Any) -> None:
        pass


def serve(app: Flask, host: str, port: int) -> BaseWSGIServer:
    """`app` on a thread of its own; `shutdown()` ends it. Port 0: any free one (`server.port`)."""
    server = make_server(host, port, app, threaded=True, request_handler=KeptAlive)
    threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True, name=f"serve-{server.port}").start()
    return server


def control(network: Network, key: bytes) -> Flask:
    """The network's own API, where `SimulatorProvider` places and moves calls; and a small company behind `/crm`."""
    app = Flask("simulator")

    @app.before_request
    def _verify() -> None:
        given = request.headers.get(SIGNATURE, "")
        if not request.path.startswith("/crm/") and not signed(key, request.path, request.get_data(), given):
            abort(403)

    @app.post("/calls")
    def originate() -> tuple[Response, int]:
        try:
            network.originate(Outgoing(**request.get_json()))
        except Refused as error:
            return jsonify(error=str(error)), 422 if error.permanent else 409
        return jsonify(call="placed"), 201

    @app.post("/calls/<call>/redirect")
    def redirect(call: str) -> tuple[Response, int]:
        try:
            network.redirect(call, request.get_json()["attempt"])
        except Gone as error:
            return jsonify(error=str(error)), 404
        return jsonify(call="redirected"), 200

    @app.post("/calls/<call>/listeners")
    def listen(call: str) -> tuple[Response, int]:
        given = request.get_json()
        try:
            network.listen(given["phone"], call, Listening(given["mode"]))
        except Gone as error:
            return jsonify(error=str(error)), 404
        except Refused as error:
            return jsonify(error=str(error)), 422 if error.permanent else 409
        return jsonify(call="listened to"), 201

    @app.post("/calls/<call>/recording")
    def record(call: str) -> tuple[Response, int]:
        try:
            network.record(call, bool(request.get_json()["on"]))
        except Gone as error:
            return jsonify(error=str(error)), 404
        return jsonify(call="heard"), 200

    @app.delete("/calls/<call>")
    def hangup(call: str) -> Response:
        network.hangup(call)
        return jsonify(call="ended")

    @app.get("/calls/<call>")
    def find(call: str) -> Response:
        found = network.find(call)
        return jsonify(state=found.state, outcome=found.outcome)

    _company(app)
    return app


def _company(app: Flask) -> None:
    """What the `http` steps of the demo's flows ask: a customer's name and tier, by a number of his."""

    @app.post("/crm/customers")
    def customer() -> Response:
        cpf = str((request.get_json(silent=True) or {}).get("cpf", ""))
        tier = ("regular", "regular", "regular", "gold", "vip")[sum(map(ord, cpf)) % 5]
        name = ("Ana", "Bruno", "Carla", "Diego", "Elisa")[sum(map(ord, cpf)) % 5]
        return jsonify(name=name, tier=tier, disputed=False)
