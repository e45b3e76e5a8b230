"""The nouns of the line: Queue, Entry, Agent, Attempt.

Law: frozen data, no behaviour beyond reading itself from Redis fields. Times are epoch milliseconds, durations `_ms`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from ivr.inputs import Outcome


class Mode(StrEnum):
    """How an entry is reached: the caller is on the line, or is to be rung."""

    LIVE = "live"
    CALLBACK = "callback"


class EntryState(StrEnum):
    WAITING = "waiting"
    RESERVED = "reserved"
    DIALING = "dialing"
    CONNECTED = "connected"
    SCHEDULED = "scheduled"
    COMPLETED = "completed"
    ABANDONED = "abandoned"
    FLOWED_OUT = "flowed_out"
    CANCELLED = "cancelled"
    FAILED = "failed"
    EXPIRED = "expired"


class AgentState(StrEnum):
    OFFLINE = "offline"
    READY = "ready"
    RESERVED = "reserved"
    ON_CALL = "on_call"
    WRAP_UP = "wrap_up"
    PAUSED = "paused"


class PhoneState(StrEnum):
    """What the network says of an agent's telephone. A provider may say nothing of it, ever."""

    FREE = "free"
    IN_USE = "in_use"  # ringing or talking, by a call of ours or any other
    GONE = "gone"  # switched off, unplugged, not registered


class Leg(StrEnum):
    """Whose phone a call of an attempt rings. The live caller of an attempt is moved, not rung."""

    AGENT = "agent"
    CUSTOMER = "customer"


class Order(StrEnum):
    """Who is rung first. `live`: the caller is on the line, only the agent is rung."""

    LIVE = "live"
    AGENT_FIRST = "agent_first"
    CUSTOMER_FIRST = "customer_first"

    @property
    def legs(self) -> tuple[Leg, ...]:
        """The legs that are rung, in order."""
        return {
            Order.LIVE: (Leg.AGENT,),
            Order.AGENT_FIRST: (Leg.AGENT, Leg.CUSTOMER),
            Order.CUSTOMER_FIRST: (Leg.CUSTOMER, Leg.AGENT),
        }[self]


class Place(StrEnum):
    """What an attempt that failed on the customer's side costs the entry.

    `keep`: the old place as soon as the delay is over; `due`: a new place, as if it had been entered when the delay ends;
    """

    KEEP = "keep"
    DUE = "due"


class Transfers(StrEnum):
    """Where a caller stands whom an agent sends to this queue."""

    KEEP = "keep"  # in the place that he had: by when he first entered a queue
    END = "end"  # behind those who wait


class Closing(StrEnum):
    """What becomes of live callers and callbacks that can no longer be served today."""

    NEXT_OPENING = (
        "next_opening"  # callbacks are scheduled to the next opening in their order; live callers leave by `closed`
    )
    MESSAGE = "message"  # callbacks are rung, told, and end `expired (told)`; live callers leave by `closed`


@dataclass(frozen=True, slots=True)
class Retry:
    """What happens after an outcome of the customer's leg: at most `attempts` such outcomes, `delay_ms` apart (of those that are our
    own doing each is twice as long after the one before, up to `policy.LONGEST_MS`)."""

    attempts: int
    delay_ms: int
    place: Place = Place.DUE


RETRIES: dict[Outcome, Retry] = {
    Outcome.BUSY: Retry(3, 300_000),
    Outcome.NO_ANSWER: Retry(3, 900_000),
    Outcome.MACHINE: Retry(2, 900_000),
    Outcome.REFUSED: Retry(1, 0),
    Outcome.FAILED: Retry(12, 15_000, Place.KEEP),
}


@dataclass(frozen=True, slots=True)
class Offer:
    """When a callback may be offered: the announced wait is at least `min_wait_ms`, or the caller has waited `after_ms`."""

    min_wait_ms: int = 180_000
    after_ms: int = 120_000


@dataclass(frozen=True, slots=True)
class Callbacks:
    """A queue's rules for callbacks."""

    enabled: bool = True
    order: Order = Order.AGENT_FIRST
    max_open: int = 500
    expires_ms: int = 3 * 86_400_000
    retries: dict[Outcome, Retry] = field(default_factory=lambda: dict(RETRIES))
    max_attempts: int = 5
    offer: Offer = Offer()
    detect_machine: bool = False  # have the network guess whether a machine answers: a hint to the flow, no outcome


@dataclass(frozen=True, slots=True)
class Queue:
    """A named line and its rules, as `flows/queues.yaml` says them."""

    name: str
    title: dict[str, str] = field(default_factory=dict)
    skills: frozenset[str] = frozenset()  # which a caller may ask for; who does needs such an agent
    hours: str = ""  # name of the hours object; empty: always open
    max_waiting: int = 1_000
    credit_ms: int = 30_000  # time credit for each point of priority 1 to 9; priority 10 is band 0
    ring_agent_ms: int = 20_000
    ring_customer_ms: int = 30_000
    accept_ms: int = 20_000  # time to press 1 after answering
    reserve_ms: int = 10_000  # lease of `reserved`: a job must begin within it
    wrap_up_ms: int = 30_000
    talk_limit_ms: int = 4 * 3_600_000
    max_misses: int = 2  # offers an agent may leave unanswered before he is paused (ring-no-answer protection)
    target_ms: int = 20_000  # service level: answered within
    target_share: float = 0.8
    short_ms: int = 5_000  # abandoned within: a short abandon
    handle_ms: int = 180_000  # prior of the handle time, for the wait estimate before there is data
    caller_id: str = ""  # what the phone rung shows; empty: the provider's default
    record: bool = False  # its talks are recorded
    transfers: Transfers = Transfers.KEEP
    closing: Closing = Closing.NEXT_OPENING
    callbacks: Callbacks = Callbacks()


@dataclass(frozen=True, slots=True)
class Entry:
    """One caller's place in a queue. `score` and `member` never change while it waits (design, idea 2)."""

    id: str
    queue: str
    mode: Mode
    state: EntryState
    score: float
    member: str
    entered_ms: int
    number: str = ""
    lang: str = ""
    skills: tuple[str, ...] = ()
    call: str = ""  # the live caller's call
    attempt: str = ""
    agent: str = ""
    chosen_ms: int = 0  # when it became a callback, 0 never
    promised_ms: int = 0  # the P90 promise made then
    due_ms: int = 0
    expires_ms: int = 0
    order: str = ""  # agent_first | customer_first: this entry's own choice, empty the queue's
    max_attempts: int = 0
    retry_ms: int = 0
    tries: dict[str, int] = field(default_factory=dict)  # outcomes of the customer's leg so far
    held_ms: int = 0  # customer_first: since when the customer we rang holds, 0 he does not
    needs: tuple[
        str, ...
    ] = ()  # skills of whoever serves it; `skills` itself is agent:<id> while it waits for one agent alone


@dataclass(frozen=True, slots=True)
class Agent:
    id: str
    state: AgentState
    since_ms: int
    name: str = ""
    phone: str = ""  # address at the provider: sim:ana, +55..., PJSIP/ana
    lang: str = ""
    queues: tuple[str, ...] = ()
    skills: frozenset[str] = frozenset()
    reason: str = ""
    attempt: str = ""
    entry: str = ""
    misses: int = 0
    after: str = ""  # offline | paused: asked for during an attempt, done after it


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to bring an entry and an agent together. `leg` is the one being rung; `begun` the one whose call was placed."""

    id: str
    entry: str
    agent: str
    queue: str
    order: Order
    leg: Leg
    begun: str = ""
    deadline_ms: int = 0
    agent_call: str = ""
    customer_call: str = ""  # order live: the caller's own call
    placed: frozenset[Leg] = frozenset()  # the legs whose call was placed
    connected_ms: int = 0
    met: bool = False  # the customer has been sent to where the agent is
    over: str = ""  # why it ended; empty while it runs
    moved_entry: str = ""  # ended by a transfer: the place that its customer was given, in `moved_queue`
    moved_queue: str = ""
    moved_unknown: bool = False  # nobody is what the agent named: it is the old place


@dataclass(frozen=True, slots=True)
class Talk:
    """A customer and an agent who talk now. `agent` is empty when the talk was handed over to somebody else."""

    attempt: str
    entry: str
    queue: str
    agent: str
    since_ms: int
    number: str
    agent_call: str
    customer_call: str


@dataclass(frozen=True, slots=True)
class QueueSnapshot:
    """One queue as it stands now. Callbacks are never mixed into the live figures. Times epoch ms, 0: none."""

    queue: str
    live_waiting: int
    oldest_live_ms: int  # when the longest-waiting live caller entered
    callbacks_waiting: int  # due now: waiting in line to be rung
    oldest_callback_ms: int
    callbacks_late: int  # waiting or scheduled past their promise
    callbacks_scheduled: int
    next_due_ms: int
    in_progress: int  # reserved, dialing or connected
    agents_ready: int
    agents_staffed: int  # signed in and not paused
    p50_s: int | None
    p80_s: int | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole line at one moment."""

    at_ms: int
    queues: tuple[QueueSnapshot, ...]
    agents: tuple[Agent, ...]
