"""How badly the network behaves, on demand."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Faults:
    """How badly the network behaves: the share of webhooks that come twice, late, or (only those that tell of an end) never,
    and of those whose answer is lost, so that the network sends them again.

    `late_ms`: how late at the most; a late one may overtake nothing of its own call but comes after others. `double_ms`: how
    late the second copy may be; a long time lets it come after later turns, and after the end of its call.
    """

    double: float = 0.0
    double_ms: int = 500
    late: float = 0.0
    late_ms: int = 3_000
    lost: float = 0.0
    unheard: float = 0.0
