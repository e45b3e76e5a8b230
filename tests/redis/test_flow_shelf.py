"""The shelf of flows on a real Redis: what is published, what stays, and what the log says of the rest."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import redis as redis_py
from structlog.testing import capture_logs

from ivr.clock import ManualClock
from ivr.flow.lint import Known, check_file
from ivr.flow.model import Flow
from ivr.flow.problems import Problem
from ivr.store import FlowShelf
from ivr.turning import UnknownFlow

FLOWS = Path(__file__).parents[2] / "flows"
FRONT = """\
version: 1
flow: front
languages: [en]
entry: {"+15550100400": hello}
steps:
  hello: {type: hangup, prompt: {en: "Hello."}}
"""
OTHER = FRONT.replace("flow: front", "flow: other").replace("+15550100400", "+15550100300")
SYNTAX = FRONT.replace("steps:", "steps: [")
DEAD_END = FRONT.replace("type: hangup", "type: say").replace("prompt:", "prompts: [nowhere], x:")


class Shop:
    """A folder of flows, a clock, and shelves over them: each shelf stands for one process."""

    def __init__(self, redis: redis_py.Redis, folder: Path) -> None:
        self.redis, self.folder, self.clock = redis, folder, ManualClock()
        self.queues: dict[str, frozenset[str]] | None = None
        self.checked = 0

    def shelf(self, default: str = "front") -> FlowShelf:
        return FlowShelf(self.redis, "test", self.folder, self.check, self.clock, default)

    def check(self, text: str, filename: str) -> tuple[Flow | None, list[Problem]]:
        self.checked += 1
        report = check_file(text, filename, Known(queues=self.queues) if self.queues else Known())
        return report.flow, report.problems

    def write(self, text: str, name: str = "front.yaml") -> Path:
        """The file says this from now on, and a second has passed."""
        path = self.folder / name
        path.write_text(text)
        self.clock.advance(1_000)
        return path


@pytest.fixture
def shop(redis: redis_py.Redis, tmp_path: Path) -> Shop:
    return Shop(redis, tmp_path)


def test_a_changed_file_is_published_within_a_second(shop: Shop) -> None:
    shop.write(FRONT)
    shelf = shop.shelf()
    first = shelf.get("front")
    (shop.folder / "front.yaml").write_text(FRONT.replace("Hello.", "Welcome to us."))
    assert shelf.get("front") == first, "our knowledge may be a second old"
    shop.clock.advance(1_000)
    second = shelf.get("front")
    assert second.version != first.version
    assert shelf.get("front", first.version) == first, "calls in progress stay on theirs"


def test_an_unchanged_file_is_not_looked_into_again(shop: Shop) -> None:
    shop.write(FRONT)
    shelf = shop.shelf()
    for _ in range(5):
        shelf.get("front")
        shop.clock.advance(1_000)
    assert shop.checked == 1


def test_a_call_stays_on_its_version_in_another_process_and_without_the_file(shop: Shop) -> None:
    path = shop.write(FRONT)
    first = shop.shelf().get("front")
    shop.write(FRONT.replace("Hello.", "Welcome to us."))
    shop.shelf().get("front")
    path.unlink()
    assert shop.shelf().get("front", first.version).flow == first.flow


def _latin(path: Path) -> None:
    path.write_bytes(FRONT.replace("Hello.", "Olá.").encode("latin-1"))


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere.yaml")


BREAKAGES = {
    "syntax": lambda path: path.write_text(SYNTAX),
    "a lint error": lambda path: path.write_text(DEAD_END),
    "empty": lambda path: path.write_text(""),
    "deleted": lambda path: path.unlink(),
    "not UTF-8": _latin,
    "not a file": _folder,
    "leading nowhere": _dangling,
}


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_a_broken_file_never_replaces_a_good_one_and_is_told_in_the_log(shop: Shop, breakage: str) -> None:
    path = shop.write(FRONT)
    shelf = shop.shelf()
    good = shelf.get("front")
    BREAKAGES[breakage](path)
    shop.clock.advance(1_000)
    with capture_logs() as logged:
        for running in (shelf, shop.shelf()):
            assert running.get("front") == good
            assert running.for_number("+15550100400") == good
            assert running.names() == ("front",)
    told = [line for line in logged if line["log_level"] == "error"]
    assert told
    assert all(line["file"] == str(path) for line in told)
    assert len(told) <= 2, "once in each process"


def test_a_broken_file_that_is_mended_is_published(shop: Shop) -> None:
    shop.write(FRONT)
    shelf = shop.shelf()
    good = shelf.get("front")
    shop.write(SYNTAX)
    assert shelf.get("front") == good
    shop.write(FRONT.replace("Hello.", "Mended."))
    assert shelf.get("front").version != good.version


def test_a_deleted_file_that_comes_back_is_published_again(shop: Shop) -> None:
    path = shop.write(FRONT)
    shelf = shop.shelf()
    good = shelf.get("front")
    path.unlink()
    shop.clock.advance(1_000)
    assert shelf.get("front") == good
    shop.write(FRONT)
    assert shelf.get("front").version == good.version


def test_an_error_of_ours_in_looking_for_mistakes_costs_that_file_alone(shop: Shop) -> None:
    shop.write(FRONT)
    shop.write(OTHER, "other.yaml")

    def check(text: str, filename: str) -> tuple[Flow | None, list[Problem]]:
        if filename.endswith("front.yaml"):
            raise ZeroDivisionError
        return shop.check(text, filename)

    shelf = shop.shelf("other")
    shelf.check = check
    with capture_logs() as logged:
        assert shelf.names() == ("other",)
    assert [line["log_level"] for line in logged] == ["error", "info"]


@pytest.mark.parametrize(
    ("called", "flow"),
    [("+15550100400", "front"), ("+15550100300", "other"), ("+15550100999", "other"), ("", "other")],
)
def test_the_number_dialled_chooses_the_flow_and_else_the_default_answers(shop: Shop, called: str, flow: str) -> None:
    shop.write(FRONT)
    shop.write(OTHER, "other.yaml")
    assert shop.shelf(default="other").for_number(called).flow.flow == flow


def test_a_flow_that_was_renamed_leaves_its_number_to_its_new_name(shop: Shop) -> None:
    shop.write(FRONT)
    shelf = shop.shelf()
    old = shelf.get("front")
    shop.write(FRONT.replace("flow: front", "flow: reception"))
    for running in (shelf, shop.shelf()):
        assert running.for_number("+15550100400").flow.flow == "reception"
        assert running.get("front", old.version) == old
    (shop.folder / "front.yaml").rename(shop.folder / "reception.yaml")
    shop.clock.advance(1_000)
    assert shelf.for_number("+15550100400").flow.flow == "reception"


def test_an_unknown_flow_says_which_there_are(shop: Shop) -> None:
    shop.write(FRONT)
    shop.write(OTHER, "other.yaml")
    with pytest.raises(UnknownFlow, match="'nobody'; there are: front, other"):
        shop.shelf().get("nobody")
    with pytest.raises(UnknownFlow, match="no flow version 0123 of 'front' is stored"):
        shop.shelf().get("front", "0123")


def test_a_stored_version_that_does_not_load_any_more_harms_no_other_flow(shop: Shop) -> None:
    shop.write(OTHER, "other.yaml")
    shop.redis.hset("{test}:flows", "old", "0123")
    shop.redis.set("{test}:flow:0123", "version: 0\nsteps: [")
    assert shop.shelf("other").for_number("+15550100999").flow.flow == "other"


def test_a_flow_that_waited_for_its_queue_is_published_when_the_queue_is_there(shop: Shop) -> None:
    shop.queues = {"billing": frozenset()}
    shop.write(
        FRONT.replace(
            'type: hangup, prompt: {en: "Hello."}', "type: queue, queue: sales, next: hangup, on: {timeout: hangup}"
        )
    )
    shelf = shop.shelf()
    assert shelf.names() == ()
    shop.queues = {"billing": frozenset(), "sales": frozenset()}
    shop.write("anything", "queues.yaml")
    assert shelf.names() == ("front",)


def test_what_could_not_be_written_is_published_when_redis_is_back(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.write(FRONT)
    shelf = shop.shelf()

    def away(*_given: object) -> None:
        raise redis_py.ConnectionError("away")

    with monkeypatch.context() as broken:
        broken.setattr(shop.redis, "set", away)
        with pytest.raises(redis_py.ConnectionError):
            shelf.get("front")
    assert shelf.get("front").flow.flow == "front"
    assert shop.redis.exists(f"{{test}}:flow:{shelf.get('front').version}")


def test_the_first_callers_of_a_process_wait_for_the_first_look(shop: Shop) -> None:
    shop.write(FRONT)
    shelf = shop.shelf()
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(shelf.for_number("+15550100400").flow.flow)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert found == ["front"] * 8
    assert shop.checked == 1


def test_later_looks_keep_nobody_but_the_one_who_looks(shop: Shop) -> None:
    """While one caller's look takes its time, another is answered from what was there before."""
    shop.write(FRONT)
    looking, go_on = threading.Event(), threading.Event()
    check = shop.check

    def slowly(text: str, filename: str) -> tuple[Flow | None, list[Problem]]:
        looking.set()
        assert go_on.wait(20)
        return check(text, filename)

    slow = shop.shelf()
    slow.refresh()
    slow.check = slowly
    shop.write(FRONT.replace("Hello.", "Good day."))
    one = threading.Thread(target=slow.refresh)
    one.start()
    assert looking.wait(20)
    before = slow.for_number("+15550100400").version
    go_on.set()
    one.join(20)
    assert slow.for_number("+15550100400").version != before


def test_later_looks_may_be_a_threads_and_keep_nobody(shop: Shop) -> None:
    shop.write(FRONT)
    shelf = shop.shelf()
    shelf.behind = True
    first = shelf.for_number("+15550100400").version
    looking, go_on = threading.Event(), threading.Event()
    check = shop.check

    def slowly(text: str, filename: str) -> tuple[Flow | None, list[Problem]]:
        looking.set()
        assert go_on.wait(20)
        return check(text, filename)

    shelf.check = slowly
    shop.write(FRONT.replace("Hello.", "Good day."))
    assert shelf.for_number("+15550100400").version == first, "he who asks first does not wait either"
    assert looking.wait(20)
    assert shelf.for_number("+15550100400").version == first
    go_on.set()
    with shelf._looking:  # the thread has it until it has looked
        pass
    assert shelf.for_number("+15550100400").version != first


def test_the_shipped_flows_are_published(shop: Shop) -> None:
    shop.folder = FLOWS
    shelf = shop.shelf("telecom")
    assert {"telecom", "clinic", "starter", "callback_agent", "callback_customer"} <= set(shelf.names())
    assert shelf.for_number("+551130001000").flow.flow == "telecom"


def test_a_process_is_told_of_each_flow_that_it_takes_up_and_of_no_bad_one(shop: Shop) -> None:
    told: list[str] = []
    one, other = shop.shelf(), shop.shelf()
    other.on_publish = lambda flow: told.append(f"{flow.flow} {flow.title}")
    shop.write(FRONT)
    one.refresh()
    other.refresh()
    assert told == ["front "]
    shop.write(DEAD_END)
    other.refresh()
    shop.write(FRONT)
    other.refresh()
    assert told == ["front "]
    shop.write(FRONT + "title: again\n")
    other.refresh()
    assert told == ["front ", "front again"]
