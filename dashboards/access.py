"""Who may see and who may act, and the headers that every page carries.

Law: until people sign in, a screen is open to this machine only. "This machine" is a request from a loopback address, for a
loopback name, through no proxy: a tunnel for a phone network's webhooks does not open the board to the world, and neither
does a web page that points its own name at 127.0.0.1. Everybody else shows the API token, and whoever acts always does.
"""

from __future__ import annotations

import hmac
import ipaddress

from flask import Request, Response

from dashboards.problems import Problem
from ivr.config import Settings
from ivr.errors import ConfigError

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
PROXIED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP")


def check_settings(settings: Settings) -> None:
    """Raises `ConfigError` when the screens would be open to a network without a token."""
    if not settings.loopback and not settings.api_token:
        raise ConfigError(
            [
                f"RETORNO_HOST={settings.host} is reachable from outside and nobody signs in yet: "
                "set RETORNO_API_TOKEN, or listen on 127.0.0.1"
            ]
        )


def may_read(request: Request, settings: Settings) -> None:
    """Raises `Problem` 401 unless the request comes from this machine or shows the token.

    A browser shows it as the password of HTTP Basic (any user name), which `EventSource` sends along too.
    """
    if is_local(request) or _shows(request, settings, basic=True):
        return
    raise Problem(
        401,
        "token_needed",
        "From outside this machine the API token is needed, as a bearer token or as the password of any user.",
        {"WWW-Authenticate": 'Basic realm="Retorno", charset="UTF-8"'},
    )


def may_act(request: Request, settings: Settings) -> None:
    """Raises `Problem` unless the request shows the token as a bearer: a browser never sends that by itself, so no
    foreign page can act in a user's name."""
    if not settings.api_token:
        raise Problem(403, "token_not_set", "Acting needs an API token and none is set. Set RETORNO_API_TOKEN.")
    if not _shows(request, settings, basic=False):
        raise Problem(
            401,
            "token_needed",
            "Send the API token: Authorization: Bearer <token>.",
            {"WWW-Authenticate": 'Bearer realm="Retorno"'},
        )


def is_local(request: Request) -> bool:
    """Whether the request comes from this machine, asks for this machine by name, and passed no proxy."""
    if any(name in request.headers for name in PROXIED):
        return False
    return _is_loopback(request.remote_addr or "") and _is_loopback(_host_name(request.host))


def _host_name(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def _shows(request: Request, settings: Settings, *, basic: bool) -> bool:
    given = request.authorization
    if given is None or not settings.api_token:
        return False
    token = given.token if given.type == "bearer" else given.password if basic and given.type == "basic" else None
    return token is not None and hmac.compare_digest(token.encode(), settings.api_token.encode())


def add_headers(response: Response) -> Response:
    """`HEADERS`, except those that the page has set itself."""
    own = {name for name, _ in response.headers}
    response.headers.extend({name: value for name, value in HEADERS.items() if name not in own})
    return response
