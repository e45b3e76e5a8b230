"""The routes of the live board: the page, its stream, and one reading for browsers that cannot stream.

Law: read only. Language and theme are remembered in cookies, so that the first paint is right already.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, redirect, render_template, request
from jinja2 import Environment
from werkzeug.wrappers import Response as AnyResponse

from dashboards.access import may_read
from dashboards.board.page import definitions, icon, shown
from dashboards.i18n import LANGUAGES, Words, choose, words
from dashboards.live import Feed, Reading, event_stream
from dashboards.parts import Parts
from dashboards.problems import Problem

STATIC = Path(__file__).parent / "static"
THEMES = ("auto", "light", "dark")
NAMES = {"pt-BR": "Português", "en": "English", "es": "Español"}
YEAR_S = 365 * 86_400


def blueprint(parts: Parts, feed: Feed) -> Blueprint:
    board = Blueprint(
        "board", __name__, template_folder="templates", static_folder="static", static_url_path="/static/board"
    )

    @board.before_request
    def guard() -> None:
        may_read(request, parts.settings)

    @board.errorhandler(Problem)
    def problem(err: Problem) -> Response:
        return err.response()

    @board.get("/")
    def page() -> AnyResponse:
        if "lang" in request.args or "theme" in request.args:
            return _remember()
        reading, said = feed.now(), _words()
        text = render_template(
            "board/page.html",
            words=said,
            theme=_theme(),
            languages=[(lang, NAMES[lang]) for lang in LANGUAGES],
            icon=icon,
            asset=asset,
            shown=shown(reading, said, current_app.jinja_env),
            definitions=definitions(said),
        )
        response = Response(text, 503 if reading.down else 200)
        response.headers["Cache-Control"] = "no-store"
        return response

    latest: dict[str, tuple[int, dict[str, Any]]] = {}

    def show(reading: Reading, said: Words, jinja: Environment) -> dict[str, Any]:
        """What the page shows of a reading, rendered once for all who look at it in one language."""
        number, held = latest.get(said.lang, (-1, {}))
        if number != reading.number:
            held = shown(reading, said, jinja)
            latest[said.lang] = reading.number, held
        return held

    @board.get("/now")
    def now() -> Response:
        response = jsonify(show(feed.now(), _words(), current_app.jinja_env))
        response.headers["Cache-Control"] = "no-store"
        return response

    @board.get("/stream")
    def stream() -> Response:
        said, jinja = _words(), current_app.jinja_env
        return event_stream(feed, lambda reading: show(reading, said, jinja))

    @board.after_request
    def keep(response: Response) -> Response:
        if request.endpoint == "board.static" and "v" in request.args:
            response.headers["Cache-Control"] = f"public, max-age={YEAR_S}, immutable"
        return response

    return board


@cache
def asset(name: str) -> str:
    """The URL of a static file, with a mark of its content so that it may be cached for a year."""
    mark = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:10]
    return f"/static/board/{name}?v={mark}"


def _words() -> Words:
    accepted = [code for code, _ in request.accept_languages]
    return words(choose(request.cookies.get("lang", ""), accepted))


def _theme() -> str:
    theme = request.cookies.get("theme", "auto")
    return theme if theme in THEMES else "auto"


def _remember() -> AnyResponse:
    """Keep a choice of language or theme and show the page without it in the address."""
    response = redirect("/", 303)
    for name, allowed in (("lang", LANGUAGES), ("theme", THEMES)):
        if (value := request.args.get(name, "")) in allowed:
            response.set_cookie(name, value, max_age=YEAR_S, httponly=True, samesite="Lax", secure=request.is_secure)
    return response
