"""SIP messages (RFC 3261), digest (RFC 2617, MD5) and the SDP of one audio stream: text in, text out.

Law: knows no socket and no clock. Only what a phone on the loopback needs: no Record-Route, no compact headers out.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

Address = tuple[str, int]
Headers = tuple[tuple[str, str], ...]

_COMPACT = {
    "v": "via",
    "f": "from",
    "t": "to",
    "m": "contact",
    "i": "call-id",
    "l": "content-length",
    "c": "content-type",
}
REASONS = {
    **{100: "Trying", 180: "Ringing", 200: "OK", 202: "Accepted", 404: "Not Found", 480: "Temporarily Unavailable"},
    **{481: "Call/Transaction Does Not Exist", 486: "Busy Here", 487: "Request Terminated", 488: "Not Acceptable Here"},
    **{501: "Not Implemented", 503: "Service Unavailable", 603: "Decline"},
}


@dataclass(frozen=True)
class Message:
    """One request or response. Header names are compared without case."""

    start: str
    headers: Headers
    body: str = ""

    @classmethod
    def parse(cls, data: bytes) -> Message:
        """ValueError when it is no SIP."""
        head, _, body = data.decode("utf-8", "replace").partition("\r\n\r\n")
        start, *lines = head.split("\r\n")
        if not start.startswith("SIP/2.0 ") and not start.endswith(" SIP/2.0"):
            raise ValueError(f"no SIP: {start[:60]!r}")
        pairs = [line.partition(":") for line in lines]
        return cls(start, tuple((name.strip(), value.strip()) for name, _, value in pairs), body)

    def encode(self) -> bytes:
        body = self.body.encode()
        lines = [self.start, *(f"{name}: {value}" for name, value in self.headers), f"Content-Length: {len(body)}"]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def all(self, name: str) -> list[str]:
        wanted = name.lower()
        return [value for key, value in self.headers if _COMPACT.get(key.lower(), key.lower()) == wanted]

    def get(self, name: str) -> str:
        """The first header of that name, "" when there is none."""
        return next(iter(self.all(name)), "")

    @property
    def code(self) -> int:
        """0 for a request."""
        return int(self.start.split(" ")[1]) if self.start.startswith("SIP/2.0 ") else 0

    @property
    def method(self) -> str:
        """Of the request, or of the request that this response answers."""
        return self.get("CSeq").split(" ")[-1]

    @property
    def cseq(self) -> int:
        return int(self.get("CSeq").split(" ")[0])

    @property
    def branch(self) -> str:
        found = re.search(r"branch=([^;,\s]+)", self.get("Via"))
        return found[1] if found else ""

    def tag(self, name: str) -> str:
        """The tag of From or To, "" when it has none."""
        found = re.search(r">[^<]*;tag=([^;\s]+)|^[^<]*;tag=([^;\s]+)", self.get(name))
        return (found[1] or found[2]) if found else ""

    def target(self) -> str:
        """The URI of Contact."""
        found = re.search(r"<([^>]+)>|^([^;\s]+)", self.get("Contact"))
        return (found[1] or found[2]) if found else ""

    def cause(self) -> int | None:
        """The Q.850 cause that Asterisk gives for an end."""
        for value in self.all("Reason"):
            if found := re.search(r"Q\.850.*cause=(\d+)", value):
                return int(found[1])
        code = self.get("X-Asterisk-HangupCauseCode")
        return int(code) if code else None


def response(request: Message, code: int, tag: str, extra: Headers = (), body: str = "") -> Message:
    """The answer to a request; `tag` is ours and stands in To, unless it has one."""
    to = request.get("To")
    if code > 100 and not request.tag("To"):
        to += f";tag={tag}"
    same = tuple((name, value) for name in ("Via", "From") for value in request.all(name))
    rest = (("To", to), ("Call-ID", request.get("Call-ID")), ("CSeq", request.get("CSeq")))
    return Message(f"SIP/2.0 {code} {REASONS.get(code, 'Unknown')}", (*same, *rest, *extra), body)


def quoted(text: str) -> str:
    """A display name as a quoted string: RFC 3261 escapes the quote and the backslash."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def authorization(challenge: str, user: str, secret: str, method: str, uri: str, cnonce: str) -> str:
    """The value of Authorization (or Proxy-Authorization) for a Digest challenge, with qop=auth where it is offered."""
    asked = {key: first or second for key, first, second in re.findall(r'(\w+)=(?:"([^"]*)"|([^,\s]+))', challenge)}
    realm, nonce = asked["realm"], asked["nonce"]
    first, second = _md5(f"{user}:{realm}:{secret}"), _md5(f"{method}:{uri}")
    parts = f'Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{uri}", algorithm=MD5'
    if opaque := asked.get("opaque"):
        parts += f', opaque="{opaque}"'
    if "auth" not in asked.get("qop", "").split(","):
        return f'{parts}, response="{_md5(f"{first}:{nonce}:{second}")}"'
    answer = _md5(f"{first}:{nonce}:00000001:{cnonce}:auth:{second}")
    return f'{parts}, qop=auth, nc=00000001, cnonce="{cnonce}", response="{answer}"'


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class Media:
    """Where the other side takes sound, how it numbers key presses, and which way sound goes, as it sees it."""

    address: Address
    keys: int
    direction: str


def offer(port: int, version: int, direction: str) -> str:
    """Our SDP: mu-law and key presses as payload 101, 20 ms. direction: sendrecv, sendonly, recvonly or inactive."""
    lines = ("v=0", f"o=- 1 {version} IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0")
    codecs = (f"m=audio {port} RTP/AVP 0 101", "a=rtpmap:0 PCMU/8000", "a=rtpmap:101 telephone-event/8000")
    return "\r\n".join((*lines, *codecs, "a=fmtp:101 0-16", "a=ptime:20", f"a={direction}", ""))


def media(sdp: str) -> Media | None:
    """What an SDP says of its audio; None when it has none."""
    port = re.search(r"^m=audio (\d+)", sdp, re.MULTILINE)
    host = re.search(r"^c=IN IP4 (\S+)", sdp, re.MULTILINE)
    if not port or not host:
        return None
    keys = re.search(r"^a=rtpmap:(\d+) telephone-event/8000", sdp, re.MULTILINE)
    direction = re.search(r"^a=(sendrecv|sendonly|recvonly|inactive)\s*$", sdp, re.MULTILINE)
    return Media((host[1], int(port[1])), int(keys[1]) if keys else 101, direction[1] if direction else "sendrecv")
