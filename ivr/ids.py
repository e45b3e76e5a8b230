"""Ids: time-ordered, unguessable, and safe in a URL, a key and a channel name."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable

from ivr.clock import Clock

_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32


def maker(clock: Clock, rng: random.Random | None = None) -> Callable[[], str]:
    """A function that makes ids of 20 characters: 48 bits of time, 52 of chance (from `rng` where a run must be repeatable)."""

    def new_id() -> str:
        chance = rng.getrandbits(52) if rng is not None else secrets.randbits(52)
        value = (clock.now_ms() & (1 << 48) - 1) << 52 | chance
        return "".join(_DIGITS[value >> shift & 31] for shift in range(95, -1, -5))

    return new_id
