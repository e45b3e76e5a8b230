"""How an errand travels from the line to a worker: RQ carries it.

Law: RQ is the doorbell, never the truth. A job is a verb and ids; losing one, or doing one twice, harms nobody (`begin` has one
winner, a lost errand is a lease that runs out). What lies in Redis is not trusted either: a payload carries our HMAC, the verb
is looked up in a table and never imported, and a job that names callbacks or webhooks is refused. Anything else ends FAILED
without having run: with RQ's own serializers, JSON included, whoever can write to Redis can run `os.system` here.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import redis
from rq import Queue
from rq.job import Job

JOB_SECONDS = 20  # a provider that takes longer than this has been given up by its own HTTP timeout
KEEP_FAILED_SECONDS = 300

FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "dial": ("attempt", "leg"),
    "connect": ("attempt",),
    "hang_up": ("call",),
}

# Fields of an RQ job that RQ would import and call, or send over the network, and that no signature covers.
UNSIGNED: Final = (b"success_callback_name", b"failure_callback_name", b"stopped_callback_name", b"webhooks")


@dataclass(frozen=True, slots=True)
class Task:
    """An errand for a worker: what to do, and the ids it is about (those of `FIELDS[verb]`; the others are empty)."""

    verb: str
    attempt: str = ""
    leg: str = ""
    call: str = ""


class Refusal(Exception):
    """A job that is not one of ours. It was not run."""


def queue_name(tenant: str) -> str:
    """One queue for all verbs: a worker that listens on two loses what it has just popped when it is killed."""
    return f"calls-{tenant}"


def queue_for(client: redis.Redis, tenant: str, key: bytes) -> Queue:
    """The queue of a tenant. `client` must not decode responses. `key` is `settings.key("jobs")`."""
    return Queue(queue_name(tenant), connection=client, serializer=signed_json(key), job_class=Errand)


def enqueue(queue: Queue, task: Task) -> None:
    """Ring for a worker. No RQ retry: who dials again, and when, is decided by the line alone.

    Each job gets an id of its own: with one derived from the task, a second ring would overwrite the job that is running and
    vanish together with it. With a pipeline of ours it is one trip to the disk; RQ by itself makes two.
    """
    with queue.connection.pipeline() as pipe:
        queue.enqueue_call(
            task.verb,
            args=[getattr(task, name) for name in FIELDS[task.verb]],
            timeout=JOB_SECONDS,
            result_ttl=0,
            failure_ttl=KEEP_FAILED_SECONDS,
            description=task.verb,
            pipeline=pipe,
        )
        pipe.execute()


def signed_json(key: bytes) -> type:
    """A serializer for RQ (it wants a class): `<hex HMAC-SHA256>:<json>`; loading anything else raises Refusal."""

    class SignedJson:
        @staticmethod
        def dumps(value: Any) -> bytes:
            body = json.dumps(value, separators=(",", ":")).encode()
            return _signature(key, body) + b":" + body

        @staticmethod
        def loads(data: bytes) -> Any:
            signature, _, body = bytes(data).partition(b":")
            if not hmac.compare_digest(signature, _signature(key, body)):
                raise Refusal("the job is not signed with our key")
            return json.loads(body)

    return SignedJson


class Errand(Job):  # type: ignore[misc]  # rq is untyped
    """An RQ job whose verb is looked up in `verbs` and never imported. The base class knows no verb and does nothing."""

    verbs: ClassVar[Mapping[str, Callable[..., None]]] = {}

    def restore(self, raw_data: Mapping[bytes, bytes]) -> None:
        """Callbacks and webhooks stand beside the signed payload, so they are somebody else's: such a job is refused."""
        self._foreign = any(raw_data.get(name) for name in UNSIGNED)
        super().restore({name: value for name, value in raw_data.items() if name not in UNSIGNED})

    @property
    def func(self) -> Callable[..., None]:
        if getattr(self, "_foreign", False):
            raise Refusal("the job names callbacks or webhooks, which ours never do")
        if self.func_name not in self.verbs:
            raise Refusal(f"{self.func_name!r} is not one of {', '.join(sorted(self.verbs))}")
        return self.verbs[self.func_name]


def _signature(key: bytes, body: bytes) -> bytes:
    return hmac.new(key, body, hashlib.sha256).hexdigest().encode()
