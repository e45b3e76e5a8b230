"""Errands over RQ: ours are done, in order and soon; anything else ends FAILED without having run."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py
from rq import Callback, Queue
from rq.job import Job, JobStatus
from rq.registry import StartedJobRegistry
from waiting import until

from callback import jobs, worker
from callback.jobs import FIELDS, Task

KEY = b"k" * 32


@pytest.fixture
def raw(redis_url: str) -> redis_py.Redis:
    """A client that does not decode, as RQ needs; the database is empty."""
    client = redis_py.Redis.from_url(redis_url)
    client.flushall()
    return client


@pytest.fixture
def queue(raw: redis_py.Redis) -> Queue:
    return jobs.queue_for(raw, "test", KEY)


def work(raw: redis_py.Redis, verbs: dict[str, Callable[..., None]]) -> None:
    """Do all that is queued, then return."""
    worker.run(worker.build(raw, "test", jobs.signed_json(KEY), verbs), burst=True)


def state_of(raw: redis_py.Redis, job_id: str) -> JobStatus:
    return Job.fetch(job_id, connection=raw, serializer=jobs.signed_json(KEY)).get_status()


class Done(list[tuple[str, tuple[str, ...]]]):
    """What was done, in order."""

    def verbs(self) -> dict[str, Callable[..., None]]:
        def bound(verb: str) -> Callable[..., None]:
            return lambda *ids: self.append((verb, ids))

        return {verb: bound(verb) for verb in FIELDS}


def test_errands_are_done_in_order_with_their_ids(raw: redis_py.Redis, queue: Queue) -> None:
    done = Done()
    for task in (
        Task("dial", attempt="a1", leg="agent"),
        Task("connect", attempt="a1"),
        Task("hang_up", call="c1"),
    ):
        jobs.enqueue(queue, task)
    work(raw, done.verbs())
    assert done == [
        ("dial", ("a1", "agent")),
        ("connect", ("a1",)),
        ("hang_up", ("c1",)),
    ]


def test_nothing_is_left_of_an_errand_that_was_done(raw: redis_py.Redis, queue: Queue) -> None:
    jobs.enqueue(queue, Task("hang_up", call="c1"))
    work(raw, Done().verbs())
    assert raw.keys("rq:job:*") == []
    assert queue.count == queue.intermediate_queue.get_job_ids().__len__() == 0


def test_a_burst_of_errands_costs_few_heartbeats(
    raw: redis_py.Redis, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RQ's register is told once a second that the worker lives, not six times an errand; it is told all the same."""
    monkeypatch.setattr(worker, "HEARTBEAT_SECONDS", 3_600.0)
    for n in range(20):
        jobs.enqueue(queue, Task("hang_up", call=f"c{n}"))
    built = worker.build(raw, "test", jobs.signed_json(KEY), Done().verbs())
    built.register_birth()
    raw.config_resetstat()
    while built.dequeue_job_and_maintain_ttl(None):
        pass
    assert built.last_heartbeat is not None
    assert raw.ttl(built.key) > 60
    assert raw.info("commandstats")["cmdstat_expire"]["calls"] <= 2 + 1


def test_the_same_errand_twice_is_done_twice_and_neither_disturbs_the_other(raw: redis_py.Redis, queue: Queue) -> None:
    done = Done()
    for _ in range(2):
        jobs.enqueue(queue, Task("connect", attempt="a1"))
    work(raw, done.verbs())
    assert len(done) == 2


def test_a_job_names_its_verb_and_its_time_and_is_not_retried(queue: Queue) -> None:
    jobs.enqueue(queue, Task("dial", attempt="a1", leg="agent"))
    (job,) = queue.jobs
    assert (job.timeout, job.result_ttl, job.failure_ttl, job.retries_left) == (20, 0, 300, None)
    assert job.description == "dial"


def forged(raw: redis_py.Redis, payload: bytes, **fields: str) -> str:
    """Write a job into Redis by hand, as somebody who can reach it would."""
    raw.hset(
        "rq:job:forged",
        mapping={
            "data": zlib.compress(payload),
            "status": "queued",
            "origin": "calls-test",
            "timeout": "20",
            "created_at": "2026-01-01T00:00:00.000000Z",
            **fields,
        },
    )
    raw.sadd("rq:queues", "rq:queue:calls-test")
    raw.lpush("rq:queue:calls-test", "forged")
    return "forged"


def payload(func: str, *args: Any) -> bytes:
    return json.dumps([func, None, args, {}]).encode()


def test_unsigned_json_that_names_os_system_is_never_run(raw: redis_py.Redis, tmp_path: Path) -> None:
    mark = tmp_path / "pwned"
    job = forged(raw, payload("os.system", f"touch {mark}"))
    work(raw, Done().verbs())
    assert not mark.exists()
    assert state_of(raw, job) is JobStatus.FAILED


def test_pickle_is_never_loaded(raw: redis_py.Redis, tmp_path: Path) -> None:
    mark = tmp_path / "pwned"
    job = forged(raw, f"cos\nsystem\n(S'touch {mark}'\ntR.".encode())
    work(raw, Done().verbs())
    assert not mark.exists()
    assert state_of(raw, job) is JobStatus.FAILED


@pytest.mark.parametrize("key", [b"another key of somebody else 32b", b""])
def test_a_verb_of_ours_signed_with_another_key_is_not_done(raw: redis_py.Redis, key: bytes) -> None:
    done = Done()
    job = forged(raw, jobs.signed_json(key).dumps(["hang_up", None, ["c1"], {}]))
    work(raw, done.verbs())
    assert done == []
    assert state_of(raw, job) is JobStatus.FAILED


def test_changed_ids_break_the_signature(raw: redis_py.Redis) -> None:
    done = Done()
    signed = jobs.signed_json(KEY).dumps(["hang_up", None, ["c1"], {}])
    job = forged(raw, signed.replace(b"c1", b"c2"))
    work(raw, done.verbs())
    assert done == []
    assert state_of(raw, job) is JobStatus.FAILED


@pytest.mark.parametrize("func", ["os.system", "callback.jobs.enqueue", "builtins.eval", "dial.__class__", ""])
def test_even_signed_only_a_known_verb_is_done(raw: redis_py.Redis, tmp_path: Path, func: str) -> None:
    """A name is looked up in the table of verbs, never imported: the second wall, should the key ever leak."""
    mark = tmp_path / "pwned"
    job = forged(raw, jobs.signed_json(KEY).dumps([func, None, [f"touch {mark}"], {}]))
    work(raw, Done().verbs())
    assert not mark.exists()
    assert state_of(raw, job) is JobStatus.FAILED


@pytest.mark.parametrize("which", ["success_callback_name", "failure_callback_name", "stopped_callback_name"])
def test_a_callback_beside_a_signed_payload_is_refused(raw: redis_py.Redis, tmp_path: Path, which: str) -> None:
    done = Done()
    job = forged(raw, jobs.signed_json(KEY).dumps(["hang_up", None, ["c1"], {}]), **{which: "os.abort"})
    work(raw, done.verbs())
    assert done == []
    assert state_of(raw, job) is JobStatus.FAILED


def test_a_webhook_beside_a_signed_payload_is_refused_and_not_sent(raw: redis_py.Redis) -> None:
    done = Done()
    hook = json.dumps([{"url": "http://127.0.0.1:9/", "job_status": "failed", "method": "GET", "timeout": 1}])
    job = forged(raw, jobs.signed_json(KEY).dumps(["hang_up", None, ["c1"], {}]), webhooks=hook)
    work(raw, done.verbs())
    assert done == []
    assert state_of(raw, job) is JobStatus.FAILED


def test_a_failure_callback_does_not_run_when_an_abandoned_job_is_cleaned_up(raw: redis_py.Redis, queue: Queue) -> None:
    """RQ calls the failure callback of a job whose worker died in whichever process cleans up: that is guarded too."""
    job = forged(
        raw,
        jobs.signed_json(KEY).dumps(["hang_up", None, ["c1"], {}]),
        failure_callback_name="os.abort",
        status="started",
    )
    raw.delete("rq:queue:calls-test")
    raw.zadd(StartedJobRegistry(queue=queue).key, {f"{job}:execution": 1})
    work(raw, Done().verbs())
    assert state_of(raw, job) is JobStatus.FAILED


def test_rq_jobs_made_with_its_own_serializers_fail(raw: redis_py.Redis) -> None:
    for number, serializer in enumerate(("json", "pickle")):
        foreign = Queue("calls-test", connection=raw, serializer=serializer)
        foreign.enqueue_call("os.system", args=["true"], job_id=f"foreign-{number}", on_success=Callback("os.abort"))
    work(raw, Done().verbs())
    assert {state_of(raw, f"foreign-{number}") for number in range(2)} == {JobStatus.FAILED}


def test_a_failing_errand_does_not_stop_the_worker(raw: redis_py.Redis, queue: Queue) -> None:
    done = Done()

    def broken(*_ids: str) -> None:
        raise RuntimeError("the provider's client is broken")

    jobs.enqueue(queue, Task("dial", attempt="a1", leg="agent"))
    jobs.enqueue(queue, Task("hang_up", call="c1"))
    work(raw, done.verbs() | {"dial": broken})
    assert done == [("hang_up", ("c1",))]
    assert queue.failed_job_registry.count == 1


WORKER = """
import os, sys, redis
from callback import jobs, worker
raw = redis.Redis.from_url(sys.argv[1])
serializer = jobs.signed_json(b"k" * 32)
verbs = {"hang_up": lambda call: raw.rpush("done", call) and None, "dial": lambda attempt, leg: os.kill(os.getpid(), 9)}
worker.run(worker.build(redis.Redis.from_url(sys.argv[1]), "test", serializer, verbs))
"""


def start(redis_url: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", WORKER, redis_url], stderr=subprocess.PIPE)


def listening(raw: redis_py.Redis) -> bool:
    """Whether a worker waits for errands (only then has it taken over its signals)."""
    return any(raw.hget(f"rq:worker:{name}", "state") == b"idle" for name in worker.last_seen_ms(raw, "test"))


def test_a_worker_killed_in_an_errand_leaves_the_rest_to_the_next(
    redis_url: str, raw: redis_py.Redis, queue: Queue
) -> None:
    jobs.enqueue(queue, Task("dial", attempt="a1", leg="agent"))
    for number in range(5):
        jobs.enqueue(queue, Task("hang_up", call=f"c{number}"))
    assert start(redis_url).wait(20) == -signal.SIGKILL
    other = start(redis_url)
    until(lambda: raw.llen("done") == 5, "the other errands done")
    assert raw.lrange("done", 0, -1) == [f"c{number}".encode() for number in range(5)]
    other.terminate()
    assert other.wait(20) == 0


def test_sigterm_ends_an_idle_worker_in_order(redis_url: str, raw: redis_py.Redis, queue: Queue) -> None:
    process = start(redis_url)
    until(lambda: listening(raw), "the worker listens")
    process.terminate()
    assert process.wait(20) == 0
    assert worker.last_seen_ms(raw, "test") == {}
