"""The signature of what a node sends to us.

Law: nothing that is not signed by a node of ours, for this path, now, is read. A dialplan has SHA1() and no HMAC, and its CURL can
only ever add headers, so the signature is a keyed hash of a keyed hash, and it stands at the end of the body. SHA-1's
collisions do not help a forger here: he would have to know the key to compute either hash.
"""

from __future__ import annotations

import hashlib
import hmac

FRESH_S = 300
"""How far the clock of a node may be from ours, and how long a request is worth repeating."""
FIELD = b"&mac="


def sign(key: bytes, path: str, body: bytes) -> str:
    """The signature of `body` (form-encoded, without the field `mac`) sent to `path`: 40 hexadecimal digits."""
    inner = _sha1(b"i", key, path.encode() + b":" + body)
    return _sha1(b"o", key, inner.encode())


def signed(key: bytes, path: str, body: bytes) -> bytes:
    """`body` with its signature, as a node sends it."""
    return body + FIELD + sign(key, path, body).encode()


def verify(key: bytes, path: str, body: bytes, sent_s: int, now_s: int) -> bool:
    """Whether `body` ends in the right signature and was sent at most `FRESH_S` seconds from `now_s` (epoch seconds)."""
    unsigned, field, given = body.rpartition(FIELD)
    right = hmac.compare_digest(sign(key, path, unsigned).encode(), given)
    return bool(field) and right and abs(now_s - sent_s) <= FRESH_S


def _sha1(label: bytes, key: bytes, data: bytes) -> str:
    text = b":".join((label, key.hex().encode(), data))
    return hashlib.sha1(text).hexdigest()  # noqa: S324 - a dialplan knows no other; see above
