"""The JSON API, version 1: the line as programs see it.

Law: reading follows `may_read`, acting needs the token; every refusal is problem+json. What there is stands in `table`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, request
from pydantic import TypeAdapter, ValidationError
from redis.exceptions import RedisError

from dashboards.access import may_act, may_read
from dashboards.api.openapi import document
from dashboards.api.table import PREFIX, ROUTES, Route
from dashboards.api.views import Context
from dashboards.live import Feed
from dashboards.parts import Parts
from dashboards.problems import Problem


def blueprint(parts: Parts, feed: Feed) -> Blueprint:
    """The API below `/api/v1`, made from `ROUTES`."""
    api = Blueprint("api", __name__, url_prefix=PREFIX)
    context = Context(parts, feed)

    @api.errorhandler(Problem)
    def problem(err: Problem) -> Response:
        return err.response()

    @api.errorhandler(RedisError)
    def redis_down(err: RedisError) -> Response:
        return Problem(503, "redis_down", "Redis does not answer.", {"Retry-After": "2"}).response()

    for route in ROUTES:
        api.add_url_rule(_rule(route.path), route.name, _view(route, context), methods=[route.method])

    @api.get("/openapi.json")
    def openapi() -> dict[str, Any]:
        may_read(request, parts.settings)
        return document(ROUTES)

    return api


def _rule(path: str) -> str:
    return path.replace("{", "<").replace("}", ">")


def _view(route: Route, context: Context) -> Callable[..., Response]:
    settings = context.parts.settings
    adapter: TypeAdapter[Any] | None = TypeAdapter(route.answer) if route.answer else None

    def view(**path: str) -> Response:
        (may_act if route.acts else may_read)(request, settings)
        given: dict[str, Any] = {**path, "body": _body(route.body)} if route.body else dict(path)
        answer = route.view(context, **given)
        if adapter is None:
            stream: Response = answer
            return stream
        response = Response(adapter.dump_json(answer), content_type="application/json")
        response.headers["Cache-Control"] = "no-store"
        return response

    return view


def _body(kind: type) -> Any:
    """The request's JSON as `kind`; an empty body is its defaults. Raises `Problem` 400 naming every field that is wrong."""
    try:
        return TypeAdapter(kind).validate_json(request.get_data() or b"{}")
    except ValidationError as err:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc'])) or 'body'}: {each['msg']}" for each in err.errors())
        raise Problem(400, "bad_body", f"The body is not as described. {wrong}.") from err
