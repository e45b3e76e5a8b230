"""Our side of the dialplan: what the nodes post comes in here.

Law: nothing is read that is not signed by a node of ours, now; who is refused is told nothing. Every answer to a node is an
operation, whatever has gone wrong behind it. No number and no key that a caller pressed is logged.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

import structlog
from flask import Blueprint, Response, abort, g, jsonify, request
from redis.exceptions import RedisError

from ivr.calls import AGAIN_MS, Calls, Reply
from ivr.clock import Clock
from ivr.inputs import Machine, Outcome
from ivr.instructions import Hold, Say
from ivr.providers.asterisk import mac, ops
from ivr.providers.asterisk.addresses import BadAddress, called_number, incoming_number, transfer_target
from ivr.providers.asterisk.delivery import Delivery
from ivr.providers.asterisk.nodes import Site
from ivr.providers.asterisk.registry import Registry
from ivr.words import SENTENCES, sentence

log = structlog.get_logger(__name__)

MAX_FIELDS = 20
SIGN_S = 10.0
"""How often it is told that a node's dialplan asks; much less than the time after which a node counts as dead."""
_ID = re.compile(r"[A-Za-z0-9_.-]{1,80}", re.ASCII)
_TARGET = re.compile(r"[A-Za-z0-9_.+*-]{1,64}", re.ASCII)
_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)
_SOUND = re.compile(r"[0-9a-f]{32}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Desk:
    """What answers the nodes. `keys`: each node's key, of `passwords.webhook`. `country`: how trunks that give national numbers
    mean them."""

    calls: Calls
    site: Site
    keys: Mapping[str, bytes]
    delivery: Delivery
    registry: Registry
    clock: Clock
    country: str


def blueprint(desk: Desk) -> Blueprint:
    """The routes below `/asterisk`."""
    routes = Blueprint("asterisk", __name__, url_prefix="/asterisk")
    calls, told = desk.calls, dict.fromkeys(desk.site.nodes, float("-inf"))

    @routes.before_request
    def _verify() -> None:
        form = _signed_form(desk, request.path, request.get_data())
        if form is None:
            abort(Response(status=403))
        g.form, g.node = form, form["node"]
        if time.monotonic() - told[g.node] > SIGN_S:
            told[g.node] = time.monotonic()
            _sign_of_life(desk, g.node)
        if missing := [name for name in form.get("missing", "").split(".") if _SOUND.fullmatch(name)]:
            desk.delivery.missed(g.node, missing)

    @routes.post("/incoming")
    def incoming() -> Response:
        call, to = _field("call", _ID), g.form.get("to", "")
        number = incoming_number(g.form.get("from", ""), desk.country)
        reply = calls.incoming(call, number, called_number(to, desk.country))
        return _answer(desk, _noted(reply, lambda: _register(desk, call)))

    @routes.post("/answered")
    def answered() -> Response:
        call = _field("call", _ID)
        return _answer(desk, _noted(calls.answered(call, _machine()), lambda: desk.registry.answered(call)))

    @routes.post("/turn")
    def turn() -> Response:
        try:
            given = ops.read_input(g.form, g.node)
        except ValueError as error:
            _wrong(str(error))
        return _answer(desk, calls.wake(_field("call", _ID), int(_field("turn", _SECONDS)), given))

    @routes.post("/joined")
    def joined() -> Response:
        return _answer(desk, calls.joined(_field("call", _ID), _field("attempt", _ID)))

    @routes.post("/transferred")
    def transferred() -> Response:
        return _answer(
            desk, calls.transferred(_field("call", _ID), int(_field("turn", _SECONDS)), _field("to", _TARGET))
        )

    return routes


def _sign_of_life(desk: Desk, node: str) -> None:
    try:
        desk.registry.heard(node, desk.clock.now_ms())
    except RedisError as error:
        log.debug("sign_of_life_not_told", node=node, why=type(error).__name__)


def _signed_form(desk: Desk, path: str, body: bytes) -> dict[str, str] | None:
    """The fields of a body that a node of ours has signed for `path`; None for any other."""
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        return None
    form = dict(pairs)
    key, sent = desk.keys.get(form.get("node", "")), form.get("time", "")
    if len(form) != len(pairs) or key is None or not _SECONDS.fullmatch(sent):
        return None
    return form if mac.verify(key, path, body, int(sent), desk.clock.now_ms() // 1000) else None


def _field(name: str, form: re.Pattern[str]) -> str:
    value: str = g.form.get(name, "")
    if not form.fullmatch(value):
        _wrong(f"expected {name}=, {form.pattern}")
    return value


def _machine() -> Machine | None:
    """What the node has heard, where it was to listen."""
    heard: str = g.form.get("machine", "")
    if heard and heard not in list(Machine):
        _wrong(f"expected machine=, one of {', '.join(Machine)}")
    return Machine(heard) if heard else None


def _wrong(expected: str) -> None:
    """A node's dialplan is not ours, or not of this version: 400 makes it keep the caller."""
    log.error(
        "a signed webhook that we cannot read: run `retorno asterisk check`", path=request.path, expected=expected
    )
    abort(400, expected)


def _register(desk: Desk, call: str) -> None:
    if not desk.registry.register_incoming(call, g.node, desk.clock.now_ms()):
        desk.calls.ended(call, Outcome.ANSWERED)  # he was quicker than we


def _noted(reply: Reply, note: Callable[[], object]) -> Reply:
    """`reply`, once the registry knows of the call. While it cannot be told, the node asks the same again."""
    try:
        note()
    except RedisError:
        log.warning("the registry of calls is away: the caller is kept", call=reply.call)
        speech = tuple(Say(sentence("one_moment", lang), lang) for lang in SENTENCES)
        return Reply(reply.call, reply.turn, Hold(speech, "default", AGAIN_MS), again=True)
    return reply


def _answer(desk: Desk, reply: Reply) -> Response:
    planned = ops.plan(reply, lambda to: _reach(desk, g.node, to))
    return jsonify(ops.operation(planned, desk.delivery.speak(g.node, planned.parts)))


def _reach(desk: Desk, node: str, to: str) -> str:
    """What Dial() takes after `PJSIP/` on `node` for the target of a flow's transfer; empty when there is no way: to the flow
    the transfer has failed."""
    try:
        return transfer_target(to, desk.site).on(desk.site, node)
    except BadAddress as error:
        log.warning("a transfer cannot be dialled", node=node, why=str(error))
        return ""
