"""The passwords between us, the nodes and the phones.

Law: none is chosen and none is stored: each comes from RETORNO_SECRET_KEY by its purpose, so a node's files can be made again
at any time, and a new key changes them all.
"""

from __future__ import annotations

from ivr.config import Settings


def ami(settings: Settings, node: str) -> str:
    """Of the control process, at the AMI of `node`: 64 hex digits."""
    return settings.key(f"asterisk ami {node}").hex()


def webhook(settings: Settings, node: str) -> str:
    """The key by which `node` signs its webhooks: 64 hex digits."""
    return settings.key(f"asterisk webhook {node}").hex()


def phone(settings: Settings, name: str) -> str:
    """Of a desk phone: 24 hex digits, which somebody may have to type."""
    return settings.key(f"asterisk phone {name}").hex()[:24]


def peer(settings: Settings, one: str, other: str) -> str:
    """Between two nodes, the same from both sides."""
    first, second = sorted((one, other))
    return settings.key(f"asterisk peer {first} {second}").hex()
