"""Our side of the simulator: its webhooks come in here.

Law: nothing unsigned is read. Every answer is an instruction, whatever has gone wrong behind it (`Calls` sees to that).
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, jsonify, request

from ivr.calls import Calls, Reply
from ivr.inputs import Outcome
from ivr.instructions import as_json
from ivr.providers.simulator.wire import SIGNATURE, read_input, signed


def blueprint(calls: Calls, key: bytes) -> Blueprint:
    """The routes below `/sim`, for requests signed with `key`."""
    routes = Blueprint("simulator", __name__, url_prefix="/sim")

    @routes.before_request
    def _verify() -> None:
        given = request.headers.get(SIGNATURE, "")
        if not signed(key, request.path, request.get_data(), given):
            abort(403, "the request is not signed with the simulator's key")

    @routes.post("/calls")
    def incoming() -> Response:
        data = _body("call", "from", "to")
        return _reply(calls.incoming(data["call"], data["from"], data["to"]))

    @routes.post("/calls/<call>/answered")
    def answered(call: str) -> Response:
        return _reply(calls.answered(call))

    @routes.post("/calls/<call>/turns/<int:turn>")
    def wake(call: str, turn: int) -> Response:
        try:
            given = read_input(_body("input"))
        except (KeyError, TypeError, ValueError) as error:
            abort(400, f"{type(error).__name__}: {error}")
        return _reply(calls.wake(call, turn, given))

    @routes.post("/calls/<call>/joined")
    def joined(call: str) -> Response:
        return _reply(calls.joined(call, _body("attempt")["attempt"]))

    @routes.post("/calls/<call>/turns/<int:turn>/transferred")
    def transferred(call: str, turn: int) -> Response:
        return _reply(calls.transferred(call, turn, _body("to")["to"]))

    @routes.post("/calls/<call>/ended")
    def ended(call: str) -> tuple[str, int]:
        try:
            outcome = Outcome(_body("outcome")["outcome"])
        except ValueError as error:
            abort(400, str(error))
        calls.ended(call, outcome)
        return "", 204

    return routes


def _body(*expected: str) -> dict[str, Any]:
    """The JSON of the request, with a text under each of these names."""
    data = request.get_json(silent=True)
    if not isinstance(data, dict) or any(not isinstance(data.get(name), str) for name in expected):
        abort(400, f"expected a JSON object with texts for {', '.join(expected)}")
    return data


def _reply(reply: Reply) -> Response:
    given = {"call": reply.call, "turn": reply.turn, "do": as_json(reply.instruction)}
    return jsonify({**given, "again": True} if reply.again else given)
