"""A watched line: what each estimator said to every caller at entry, and the wait that came. The judge of two tests."""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, field

from callback.baselines import AsteriskHold, RunningConstant
from callback.policy import announce_s
from callback.wait_model import ENOUGH_STARTS, Kind, Observation, Said, Wait, WaitModel, observed


@dataclass
class Judged:
    """A line that is watched, and for everybody who had to queue and was served: the wait, and who had said what."""

    model: WaitModel = field(default_factory=lambda: WaitModel.fresh(180_000, 0))
    asterisk: AsteriskHold = field(default_factory=AsteriskHold)
    constant: RunningConstant = field(default_factory=RunningConstant)
    line: list[tuple[float, str]] = field(default_factory=list)
    places: dict[str, tuple[float, str]] = field(default_factory=dict)
    entered: dict[str, float] = field(default_factory=dict)
    expectations: dict[str, Said] = field(default_factory=dict)
    queued: set[str] = field(default_factory=set)
    said: dict[str, tuple[Wait | None, float, float]] = field(default_factory=dict)
    results: list[tuple[float, Wait, float, float]] = field(default_factory=list)
    agents: int = 0

    def see(self, kind: Kind, t: float, entry: str = "", wait_s: float = 0, ahead: int = 0, credit_s: int = 0) -> None:
        n = len(self.line)
        seen = Observation(
            kind, int(t * 1000), n, n, self.agents, entry, int(wait_s * 1000), ahead, ahead, credit_s * 1000
        )
        self.model, said = observed(self.model, seen, self.expectations.pop(entry, None))
        if said and entry:
            self.expectations[entry] = said
            self.queued.add(entry)

    def stand(self, t: float, entry: str, credit_s: int = 0) -> int:
        """`entry` joins; its number ahead. What everybody says of it is noted before it is known."""
        place = (t - credit_s, entry)
        ahead = bisect_left(self.line, place)
        known = self.agents > 0 and self.model.starts_ever >= ENOUGH_STARTS
        ours = self.model.advanced(int(t * 1000)).wait(ahead, ahead, self.agents) if known else None
        self.said[entry] = (ours, self.asterisk.hold_s, self.constant.wait_s)
        self.places[entry], self.entered[entry] = place, t
        insort(self.line, place)
        return ahead

    def leave(self, entry: str) -> None:
        del self.line[bisect_left(self.line, self.places.pop(entry))]

    def served(self, entry: str, wait_s: float) -> None:
        ours, asterisk_s, constant_s = self.said.pop(entry)
        self.asterisk.answered(int(wait_s))
        if wait_s >= 1 and entry in self.queued:
            self.constant.answered(wait_s)
            if ours:
                self.results.append((wait_s, ours, asterisk_s, constant_s))

    def mae(self) -> dict[str, float]:
        """Mean absolute error in seconds, all on the same callers."""
        n = len(self.results)
        return {
            "p50": sum(abs(w - ours.quantiles[2]) for w, ours, _, _ in self.results) / n,
            "mean": sum(abs(w - ours.mean_s) for w, ours, _, _ in self.results) / n,
            "asterisk": sum(abs(w - said) for w, _, said, _ in self.results) / n,
            "constant": sum(abs(w - said) for w, _, _, said in self.results) / n,
        }

    def kept(self, quantile: int) -> float:
        return sum(w <= ours.quantiles[quantile] for w, ours, _, _ in self.results) / len(self.results)

    def announced_kept(self) -> float:
        """Of those who were told "less than": the share for whom it was true."""
        told = [(w, announce_s(round(ours.quantiles[3]))) for w, ours, _, _ in self.results]
        true = [w <= said for w, said in told if said is not None]
        return sum(true) / len(true)
