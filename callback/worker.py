"""The worker: takes errands off the queue and does them, one at a time, in this process.

Law: everything is imported and connected before the first errand, so that an agent who becomes ready is dialled within
milliseconds. It may be killed at any point: what it had begun is a lease that the sweep finds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import redis
import structlog
from rq import Queue, worker_registration
from rq import SimpleWorker as RQSimpleWorker
from rq.utils import as_text, utcparse

from callback.jobs import Errand, queue_name

log = structlog.get_logger()

# With RQ's defaults (420 s, 600 s, 30 s) an errand whose worker was killed is found after about 14 minutes; so after one.
WORKER_TTL_SECONDS = 20
MAINTENANCE_SECONDS = 5
MONITORING_SECONDS = 5
HEARTBEAT_SECONDS = 1.0


class SimpleWorker(RQSimpleWorker):  # type: ignore[misc]  # rq is untyped
    """RQ's worker that does not fork: a fork costs 3 ms and its connections; a hung errand is ended by its alarm instead."""

    log_result_lifespan = False
    _told_at = 0.0

    def heartbeat(self, timeout: int | None = None, pipeline: redis.client.Pipeline | None = None) -> None:
        """RQ writes three times before and three times after it takes a job, each time to the disk while an agent waits for
        his telephone to ring. What lasts for 80 s need not be told more than once a second."""
        if pipeline is None and time.monotonic() - self._told_at < HEARTBEAT_SECONDS:
            return
        super().heartbeat(timeout, pipeline)
        self._told_at = time.monotonic()

    def set_state(self, state: str, pipeline: redis.client.Pipeline | None = None) -> None:
        """Only a change is written."""
        if pipeline is not None or state != self.get_state():
            super().set_state(state, pipeline)

    max_connection_wait_time = 1.0  # RQ's minute would leave callers unrung long after Redis is back


def build(
    client: redis.Redis,
    tenant: str,
    serializer: type,
    verbs: Mapping[str, Callable[..., None]],
    name: str | None = None,
) -> SimpleWorker:
    """A worker for the queue of a tenant that knows `verbs` and nothing else. `client` must not decode responses, and must
    be the worker's own: RQ raises its socket timeout to outlast a blocking read."""

    bound: type[Errand] = type("BoundErrand", (Errand,), {"verbs": dict(verbs)})
    queue = Queue(queue_name(tenant), connection=client, serializer=serializer, job_class=bound)
    return SimpleWorker(
        [queue],
        name=name,
        connection=client,
        serializer=serializer,
        job_class=bound,
        worker_ttl=WORKER_TTL_SECONDS,
        maintenance_interval=MAINTENANCE_SECONDS,
        job_monitoring_interval=MONITORING_SECONDS,
        log_job_description=False,
    )


def run(worker: SimpleWorker, *, burst: bool = False) -> None:
    """Work until SIGTERM or SIGINT (the errand in hand is finished first), or, with `burst`, until the queue is empty."""
    log.info("worker_started", name=worker.name)
    worker.work(burst=burst, logging_level=None)
    log.info("worker_stopped", name=worker.name)


def last_seen_ms(client: redis.Redis, tenant: str) -> dict[str, int]:
    """When each worker of the tenant that is not known to have ended was last heard of, wall clock. Not decoding client.

    Read from RQ's register, not through its Worker class, which would change the client's socket timeout to its own.
    """
    heard: dict[str, int] = {}
    for key in worker_registration.get_keys(queue=Queue(queue_name(tenant), connection=client)):
        if at := client.hget(key, "last_heartbeat"):
            heard[key.rpartition(":")[2]] = int(utcparse(as_text(at)).timestamp() * 1000)
    return heard
