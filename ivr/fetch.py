"""The HTTP requests of flows (data dips), fenced in.

Law: https to a host on the allow-list, resolved once, connected at that address, never inside our own network, no redirects,
a small answer, little time. Whatever goes wrong is the answer `failed {why}`: the flow has an exit for it.
"""

from __future__ import annotations

import ipaddress
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import structlog
import urllib3

from ivr.asks import Fetch
from ivr.inputs import Answer

log = structlog.get_logger()

MAX_BYTES = 65_536


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
    """Carries out `Fetch`. `hosts`: the allow-list; `secrets`: bearer tokens by lower-case name; `stand_ins`: host -> base URL
    of a server that stands in for it (the demo and tests; never set in production)."""

    hosts: frozenset[str]
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    stand_ins: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, ask: Fetch) -> Answer:
        try:
            return self._send(ask, self.target(ask.url))
        except (NotAllowed, OSError, urllib3.exceptions.HTTPError, ValueError) as error:
            log.warning("an http step failed", step=ask.step, why=type(error).__name__, what=str(error)[:200])
            return Answer("failed", {"code": 0, "why": type(error).__name__})

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
        if host not in self.hosts:
            raise NotAllowed(f"{host} is not on the list of hosts; add it to RETORNO_HTTP_HOSTS")
        port = parts.port or 443
        found = [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        inside = [address for address in found if not ipaddress.ip_address(address).is_global]
        if inside or not found:
            raise NotAllowed(f"{host} resolves to {inside or 'nothing'}, which is not a public address")
        return Target("https", host, found[0], port, path)

    def _send(self, ask: Fetch, target: Target) -> Answer:
        timeout = urllib3.Timeout(total=ask.timeout_ms / 1000)
        retries = urllib3.Retry(total=ask.retries if ask.method == "GET" else 0, redirect=0, raise_on_redirect=False)
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
            content = answer.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise NotAllowed(f"the answer is longer than {MAX_BYTES} bytes")
        data = json.loads(content) if content else None
        outcome = "ok" if 200 <= answer.status < 300 else "failed"
        return Answer(outcome, {"code": answer.status, "body": data})

    def _pool(self, target: Target) -> urllib3.HTTPConnectionPool:
        if target.scheme == "http":
            return urllib3.HTTPConnectionPool(target.address, target.port)
        return urllib3.HTTPSConnectionPool(
            target.address, target.port, server_hostname=target.host, assert_hostname=target.host
        )
