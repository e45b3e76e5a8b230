"""What travels between us and the simulated network: signed JSON.

Law: both sides sign. The signature is an HMAC-SHA256 over the path and the body with the key that both know.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

from ivr.inputs import DialEnded, Digits, Input, NoInput, Outcome, Recorded

SIGNATURE = "X-Simulator-Signature"


def sign(key: bytes, path: str, body: bytes) -> str:
    return hmac.new(key, path.encode() + b"\n" + body, hashlib.sha256).hexdigest()


def signed(key: bytes, path: str, body: bytes, signature: str) -> bool:
    return hmac.compare_digest(sign(key, path, body).encode(), signature.encode())


def encode(data: dict[str, Any]) -> bytes:
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode()


def input_json(given: Input) -> dict[str, Any]:
    """The inputs that a network gives for a turn."""
    match given:
        case Digits(digits, finished):
            return {"input": "digits", "digits": digits, "finished": finished}
        case NoInput():
            return {"input": "no_input"}
        case Recorded(url, seconds):
            return {"input": "recorded", "url": url, "seconds": seconds}
        case DialEnded(outcome, seconds):
            return {"input": "dial_ended", "outcome": outcome.value, "seconds": seconds}
    raise ValueError(f"{type(given).__name__} is not given with a turn")


def read_input(data: dict[str, Any]) -> Input:
    """What `input_json` wrote. Raises ValueError, KeyError or TypeError for anything else."""
    match data["input"]:
        case "digits":
            return Digits(str(data["digits"]), bool(data.get("finished", False)))
        case "no_input":
            return NoInput()
        case "recorded":
            return Recorded(str(data["url"]), int(data["seconds"]))
        case "dial_ended":
            return DialEnded(Outcome(data["outcome"]), int(data.get("seconds", 0)))
    raise ValueError(f"unknown input {data['input']!r}; expected digits, no_input, recorded or dial_ended")
