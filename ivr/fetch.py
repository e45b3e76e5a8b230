"""The HTTP requests of flows (data dips), fenced in.

Law: https to a host on the allow-list, resolved once, connected at that address, never inside our own network, no redirects,
a small answer, little time. Whatever goes wrong is the answer `failed {why}`: the flow has an exit for it.
"""

from __future__ import annotations

import ipaddress
import json
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import structlog
import urllib3

from ivr.asks import Fetch
from ivr.inputs import Answer

log = structlog.get_logger()

MAX_BYTES = 65_536
_NAT64 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))


class NotAllowed(Exception):
    """The request may not be made. Nothing was sent."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes: `address` is connected to, `host` is who must answer there."""

    scheme: str
    host: str
    address: str
    port: int
    path: str


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Carries out `Fetch`. `hosts`: the allow-list, `host` or `host:port`; `secrets`: bearer tokens by lower-case name; `stand_ins`: host -> base URL
    of a server that stands in for it (the demo and tests; never set in production)."""

    hosts: frozenset[str]
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    stand_ins: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, ask: Fetch) -> Answer:
        try:
            return self._send(ask, self.target(ask.url))
        except NotAllowed as error:
            log.warning("an http step was not allowed", step=ask.step, why=str(error))
            return Answer("failed", {"code": 0, "why": "NotAllowed"})
        except (OSError, urllib3.exceptions.HTTPError, ValueError, RecursionError) as error:
            # Not the error's text: it quotes the URL, and with it what the caller has typed.
            cause = error.reason if isinstance(error, urllib3.exceptions.MaxRetryError) and error.reason else error
            log.warning("an http step failed", step=ask.step, why=type(cause).__name__)
            return Answer("failed", {"code": 0, "why": type(cause).__name__})

    def target(self, url: str) -> Target:
        """Where `url` may go. Raises NotAllowed; OSError when the name does not resolve."""
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        if host in self.stand_ins:
            base = urlsplit(self.stand_ins[host])
            name = base.hostname or ""
            return Target(base.scheme, name, name, base.port or 80, base.path.rstrip("/") + path)
        if parts.scheme != "https":
            raise NotAllowed(f"{parts.scheme}://{host}: expected https")
        if parts.username is not None or parts.password is not None:
            raise NotAllowed(f"{host}: expected no user name in the URL; a token is named with auth: secret.NAME")
        port = parts.port or 443
        name = host if port == 443 else f"{host}:{port}"
        if name not in {each.lower() for each in self.hosts}:
            raise NotAllowed(f"{name} is not on the list of hosts; add it to RETORNO_HTTP_HOSTS")
        found = [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        inside = [address for address in found if not _public(address)]
        if inside or not found:
            raise NotAllowed(f"{host} resolves to {inside or 'nothing'}, which is not a public address")
        return Target("https", host, found[0], port, path)

    def _send(self, ask: Fetch, target: Target) -> Answer:
        timeout = urllib3.Timeout(total=ask.timeout_ms / 1000)
        tries = ask.retries if ask.method == "GET" else 0
        # Retry-After would be slept through, however long the server likes.
        retries = urllib3.Retry(tries, redirect=0, raise_on_redirect=False, respect_retry_after_header=False)
        headers = {**ask.headers, "Host": target.host, "Accept": "application/json"}
        if ask.secret:
            if ask.secret.lower() not in self.secrets:
                raise NotAllowed(f"no secret is called {ask.secret}; set RETORNO_SECRET_{ask.secret}")
            headers["Authorization"] = f"Bearer {self.secrets[ask.secret.lower()]}"
        body = json.dumps(ask.body).encode() if ask.body is not None else None
        if body is not None:
            headers["Content-Type"] = "application/json"
        with self._pool(target) as pool:
            answer = pool.request(
                ask.method,
                target.path,
                body=body,
                headers=headers,
                timeout=timeout,
                retries=retries,
                redirect=False,
                preload_content=False,
            )
            content = _read(answer, ask.timeout_ms / 1000)
        data = json.loads(content) if content else None
        outcome = "ok" if 200 <= answer.status < 300 else "failed"
        return Answer(outcome, {"code": answer.status, "body": data})

    def _pool(self, target: Target) -> urllib3.HTTPConnectionPool:
        if target.scheme == "http":
            return urllib3.HTTPConnectionPool(target.address, target.port)
        return urllib3.HTTPSConnectionPool(
            target.address, target.port, server_hostname=target.host, assert_hostname=target.host
        )


def _read(answer: urllib3.BaseHTTPResponse, seconds: float) -> bytes:
    """The whole answer. Raises NotAllowed when it is too long, TimeoutError when it comes too slowly: the socket's own
    time-out begins anew with every byte."""
    until, content = time.monotonic() + seconds, b""
    while chunk := answer.read1(8_192):
        content += chunk
        if len(content) > MAX_BYTES:
            raise NotAllowed(f"the answer is longer than {MAX_BYTES} bytes")
        if time.monotonic() > until:
            raise TimeoutError
    return content


def _public(address: str) -> bool:
    """Whether `address` lies on the public internet, also when it is a way of writing an IPv4 address (NAT64, 6to4, Teredo)."""
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address):
        hidden = found.sixtofour or found.teredo or any(found in each for each in _NAT64)
        return found.is_global and not found.is_multicast and not hidden
    return found.is_global and not found.is_multicast
