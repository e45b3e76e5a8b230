"""How long will this caller wait? The arithmetic, pure; `lua/estimate.lua` does the same in Redis, and a test holds them together.

Law: a state and an observation give a state; nothing is read. It works from the first call, by a prior.

The formula is QL_rp of the project's research. Per queue, decayed with one hour and only while somebody waits (a
backlog), it measures service starts per agent-second r, abandons per second of live waiting th, and the callers with
a time credit who step in front. Then, for somebody with n ahead:

    W = ln(1 + m * th / (agents * r)) / th         m = n + 1 + (stepping in per second) * min(W, their credit)

r contains talk, wrap-up, ringing and breaks, so no handle time is needed, and a change in agents counts at once.

The range round W is learnt: e = ln(actual / max(W, 5)) / sqrt(0.02 + 1/(n+1)) has quantiles that are tracked one
observation at a time. Which of them to use: **P80 is announced** ("less than"), P90 is promised to who takes a callback,
**P50 is the point that is compared with other estimators**, because the median has the least mean absolute error of
all points of a distribution; by nature it is too low for half of the callers, so it is never announced. `mean_s` is W
corrected by the tracked ratio of what came to what was said: unbiased on average, and it is what sums and plans need.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final, Literal

TAU_S: Final = 3600.0
QUANTILES: Final = (0.1, 0.2, 0.5, 0.8, 0.9)
RATE: Final = 0.008
FLOOR_S: Final = 5.0
RATIO_DECAY: Final = 0.98
LEAST: Final = 1e-9  # a sum never decays to nothing: rates stay above zero and a wait finite
LONGEST_S: Final = 7 * 86_400
ENOUGH_STARTS: Final = 5
"""Below so many starts out of a backlog, ever, nothing is said."""

Kind = Literal["join", "start", "abandon", "agents", "tick"]


@dataclass(frozen=True, slots=True)
class Said:
    """What was expected for an entry when it joined: W in seconds and how many stood ahead. W 0: nothing, no agent was there."""

    wait_s: float
    ahead: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """Seconds until an agent is there: half, 8 of 10, 9 of 10 wait no longer; and the mean."""

    p50_s: int
    p80_s: int
    p90_s: int
    mean_s: int


@dataclass(frozen=True, slots=True)
class Wait:
    """The unrounded answer of the model: W as the formula gives it, its corrected mean, and the five quantiles."""

    base_s: float
    mean_s: float
    quantiles: tuple[float, ...]

    def rounded(self) -> Estimate:
        _, _, p50, p80, p90, mean = (round(min(s, LONGEST_S)) for s in (*self.quantiles, self.mean_s))
        return Estimate(p50, p80, p90, mean)


@dataclass(frozen=True, slots=True)
class WaitModel:
    """What is known of one queue. All sums are decayed but `starts_ever`; the defaults are the prior (see `fresh`)."""

    at_ms: int
    agent_s: float
    waiting: int = 0
    live: int = 0
    agents: int = 0
    starts: float = 6.0
    abandons: float = 5.0
    live_s: float = 2000.0
    passers: float = 0.0  # joins that came with a time credit during a backlog
    credit_s: float = 0.0  # the sum of their credits
    backlog_s: float = 600.0
    actual_s: float = 3000.0
    said_s: float = 3000.0
    starts_ever: int = 0
    z: tuple[float, ...] = (-1.7, -1.05, -0.2, 0.6, 0.95)

    @classmethod
    def fresh(cls, handle_ms: int, now_ms: int) -> WaitModel:
        """A queue that nobody has called yet: six calls of `handle_ms`, five abandons of 400 s patience."""
        return cls(at_ms=now_ms, agent_s=6.0 * handle_ms / 1000)

    def advanced(self, now_ms: int) -> WaitModel:
        """The same at `now_ms`: sums decayed, and the backlog's seconds counted. A late message moves nothing back."""
        if now_ms <= self.at_ms:
            return self
        elapsed_s = (now_ms - self.at_ms) / 1000
        if self.waiting <= 0:
            return replace(self, at_ms=now_ms)
        if (
            self.agents <= 0
        ):  # callbacks wait through the night: that teaches nothing of how we serve, and forgets nothing
            return replace(self, at_ms=now_ms, live_s=self.live_s + self.live * elapsed_s)
        keep = math.exp(-elapsed_s / TAU_S)
        span_s = TAU_S * (1 - keep)  # the elapsed seconds, decayed as they pass
        return replace(
            self,
            at_ms=now_ms,
            starts=max(self.starts * keep, LEAST),
            agent_s=self.agent_s * keep + self.agents * span_s,
            abandons=max(self.abandons * keep, LEAST),
            live_s=self.live_s * keep + self.live * span_s,
            passers=self.passers * keep,
            credit_s=self.credit_s * keep,
            backlog_s=self.backlog_s * keep + span_s,
        )

    def wait(self, ahead: int, ahead_live: int, agents: int) -> Wait:
        """For somebody with `ahead` before him, `ahead_live` of them on the line. `agents` > 0: staffed now."""
        capacity = agents * self.starts / self.agent_s
        leaving = self.abandons / self.live_s * (ahead_live / ahead if ahead > 0 else 1.0)
        stepping_in = self.passers / self.backlog_s
        credit_s = self.credit_s / self.passers if self.passers > 0 else 0.0
        base_s = time_to_clear(ahead + 1, capacity, leaving)
        if stepping_in > 0:
            for _ in range(3):
                base_s = time_to_clear(ahead + 1 + stepping_in * min(base_s, credit_s), capacity, leaving)
        spread = spread_of(ahead)
        quantiles = tuple(max(base_s, FLOOR_S) * math.exp(z * spread) for z in self.z)
        return Wait(base_s, base_s * self.actual_s / self.said_s, quantiles)

    def learnt(self, said: Said, actual_s: float) -> WaitModel:
        """The same after somebody for whom `said` was expected had waited `actual_s`: quantiles and ratio move a step."""
        error = math.log(max(actual_s, 0.5) / max(said.wait_s, FLOOR_S)) / spread_of(said.ahead)
        z = sorted(z + RATE * (q - (error < z)) for q, z in zip(QUANTILES, self.z, strict=True))
        actual = self.actual_s * RATIO_DECAY + actual_s
        expected = self.said_s * RATIO_DECAY + said.wait_s
        return replace(self, z=tuple(z), actual_s=actual, said_s=expected)


def time_to_clear(m: float, capacity: float, leaving: float) -> float:
    """Seconds until `m` people are gone, when `capacity` a second are served and each of the rest leaves at rate `leaving`."""
    lost = m * leaving / capacity
    if lost < 1e-6:  # the logarithm would round it away
        return m / capacity * (1 - lost / 2)
    return math.log(1 + lost) / leaving


def spread_of(ahead: int) -> float:
    """The relative spread of a wait shrinks with the number of departures it is made of."""
    return math.sqrt(0.02 + 1 / (ahead + 1))


@dataclass(frozen=True, slots=True)
class Observation:
    """One thing that happened, and how the queue stands after it. `ahead` and `credit_ms` belong to a join."""

    kind: Kind
    now_ms: int
    waiting: int
    live: int
    agents: int
    entry: str = ""
    wait_ms: int = 0
    ahead: int = 0
    ahead_live: int = 0
    credit_ms: int = 0


def observed(model: WaitModel, seen: Observation, said: Said | None) -> tuple[WaitModel, Said | None]:
    """The model after `seen`; `said` is what is kept for this entry, before and after.

    A join that is still waiting leaves its expectation; a start that had one and waited a second or more was a start
    out of a backlog, and teaches. A start without an entry counts without teaching (a callback in a later attempt).
    """
    behind_others = model.waiting > 0
    model = replace(model.advanced(seen.now_ms), waiting=seen.waiting, live=seen.live, agents=seen.agents)
    if seen.kind == "join":
        if seen.credit_ms > 0 and behind_others:
            model = replace(model, passers=model.passers + 1, credit_s=model.credit_s + seen.credit_ms / 1000)
        if seen.waiting <= 0:
            return model, None
        wait_s = model.wait(seen.ahead, seen.ahead_live, seen.agents).base_s if seen.agents > 0 else 0.0
        return model, Said(wait_s, seen.ahead)
    if seen.kind == "abandon":
        return replace(model, abandons=model.abandons + 1), None
    if seen.kind == "start":
        waited = said is not None and seen.wait_ms >= 1000
        if waited or seen.waiting > 0:
            model = replace(model, starts=model.starts + 1, starts_ever=model.starts_ever + 1)
        if said is not None and waited and said.wait_s > 0:
            model = model.learnt(said, seen.wait_ms / 1000)
        return model, None
    return model, said
