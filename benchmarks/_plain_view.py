"""The rival of `menu_turn.py`: the same two menus as anyone would write them by hand with Flask and the twilio library.

It checks the signature with twilio's `RequestValidator` and builds the answer with `VoiceResponse`. It has no languages, events, repeated
webhooks, retries or budgets. `/menu/<name>` keeps nothing; `/kept-menu` keeps in Redis where the caller is, and no more.
"""

from __future__ import annotations

import os
from typing import cast

from flask import Flask, Response, abort, request
from redis import Redis
from twilio.request_validator import RequestValidator
from twilio.twiml.voice_response import Gather, VoiceResponse

MENUS = {
    "main": (
        ("Para vendas, digite 1.", "1", "main"),
        ("Para a sua conta, digite 2.", "2", "main"),
        ("Para suporte técnico, digite 3.", "3", "support"),
        ("Para English, español, digite 9.", "9", "main"),
        ("Para falar com um atendente, digite 0.", "0", "main"),
    ),
    "support": (
        ("Para internet, digite 1.", "1", "support"),
        ("Para telefone, digite 2.", "2", "support"),
        ("Para voltar, digite jogo da velha.", "#", "main"),
    ),
}

app = Flask("by-hand")
validator = RequestValidator(os.environ["TWILIO_AUTH_TOKEN"])
kept = Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)


@app.get("/livez")
def livez() -> dict[str, bool]:
    return {"ok": True}


@app.post("/menu/<name>")
def menu(name: str) -> Response:
    """Where the caller is stands in the address."""
    _check()
    name = _next(name)
    return _spoken(name, f"/menu/{name}")


@app.post("/kept-menu")
def kept_menu() -> Response:
    """Where the caller is stands in Redis, as it does with us."""
    _check()
    key = f"call:{request.form['CallSid']}"
    name = _next(cast(str | None, kept.get(key)) or "main")
    kept.set(key, name, ex=86_400)
    return _spoken(name, "/kept-menu")


def _check() -> None:
    if not validator.validate(request.url, request.form, request.headers.get("X-Twilio-Signature", "")):
        abort(403)


def _next(name: str) -> str:
    pressed = request.form.get("Digits", "")
    return next((to for _, key, to in MENUS[name] if key == pressed), name)


def _spoken(name: str, action: str) -> Response:
    answer = VoiceResponse()
    gather = Gather(action=action, method="POST", num_digits=1, timeout=5, finish_on_key="")
    for text, _, _ in MENUS[name]:
        gather.say(text, language="pt-BR")
    answer.append(gather)
    answer.redirect(action, method="POST")
    return Response(str(answer), mimetype="text/xml")
