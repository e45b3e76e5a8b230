"""What can still be read of a flow with errors of shape.

Law: a step that cannot be read stands as a hangup, a prompt as silence, so that names still lead to something; nothing else
is guessed, and rules that need the whole flow are not asked.
"""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from ivr.flow.model import Flow
from ivr.flow.source import Loaded

_CAN_BE_LEFT_OUT = ("tests", "note", "title")


def readable_part(loaded: Loaded) -> Flow | None:
    """`loaded` as a flow without what is wrong in it, or None when too little is left."""
    data = loaded.data
    for _ in range(2):
        if not isinstance(data, dict):
            return None
        try:
            return Flow.model_validate(data, by_alias=True, by_name=False)
        except ValidationError as error:
            places = [found["loc"] for found in error.errors(include_url=False, include_context=False)]
        data = _without(data, places)
    return None


def _without(data: dict[str, Any], places: list[tuple[int | str, ...]]) -> dict[str, Any] | None:
    """`data` with something harmless at each of the `places`; None when one of them cannot be done without."""
    mended = dict(data)
    for place in places:
        section = place[0] if place else ""
        if section in ("steps", "prompts") and len(place) > 1 and isinstance(mended.get(str(section)), dict):
            if len(place) == 3 and place[2] == "[key]":
                return None  # without the name, whatever leads to it would be told too
            entries = dict(mended[str(section)])
            entries[place[1]] = {"type": "hangup"} if section == "steps" else _silence(data)
            mended[str(section)] = entries
        elif section in _CAN_BE_LEFT_OUT:
            mended.pop(str(section), None)
        else:
            return None
    return mended


def _silence(data: dict[str, Any]) -> dict[str, str]:
    languages = data.get("languages")
    return {lang: "" for lang in languages if isinstance(lang, str)} if isinstance(languages, list) else {}
