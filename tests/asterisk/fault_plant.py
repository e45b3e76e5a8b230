"""`python fault_plant.py web|worker|timekeeper|asterisk ...`: a part of the installation with faults planted, to see whether the
judge looks. Each has a queue of its own: at d00 the end of a call is never told, at d01 an agent is rung twice for one attempt, at
d02 whoever goes back into the line stands at its end.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

from faults.points import PLANTED

from ivr.cli import main
from ivr.providers.asterisk.client import AsteriskProvider
from ivr.providers.asterisk.ends import Ends

HARM = {"d00": {"lost", "left over"}, "d01": {"rung twice"}, "d02": {"place", "order"}}


def end_untold() -> None:
    end = Ends._end

    def sometimes(self: Ends, known: Any, outcome: Any) -> None:
        saved = self._calls.sessions.load(known.call)
        if saved is None or saved.session.flow != "d00":
            end(self, known, outcome)

    Ends._end = sometimes  # type: ignore[method-assign]


def rung_twice() -> None:
    originate = AsteriskProvider.originate

    def twice(self: AsteriskProvider, outgoing: Any) -> None:
        originate(self, outgoing)
        if outgoing.to.startswith("PJSIP/d01-"):
            originate(self, replace(outgoing, call=outgoing.call + "-again"))

    AsteriskProvider.originate = twice  # type: ignore[method-assign]


if __name__ == "__main__":
    end_untold()
    rung_twice()
    PLANTED["new place"]()
    main(sys.argv[1:])
