"""The queues file: what an admin writes, and what he is told when it is wrong."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from callback.model import Closing, Offer, Order, Place, Queue, Retry
from callback.policy import ALWAYS_OPEN, Opening
from callback.queues import QueuesError, load_queues, opening, read_queues
from ivr.inputs import Outcome

SHIPPED = Path(__file__).parents[2] / "flows" / "queues.yaml"

WRITTEN = """
version: 1
hours:
  office: {timezone: America/Sao_Paulo, mon-fri: 08:00-18:00}
defaults:
  hours: office
  wrap_up: 45s
  callbacks: {offer: {min_wait: 5m}, retries: {busy: {attempts: 2}}}
queues:
  plain: {}
  sales:
    title: {pt-BR: Vendas}
    skills: [sales, english]
    service_level: 90% in 1m
    wrap_up: 0s
    caller_id: "+551130001000"
    closing: message
    callbacks:
      order: customer_first
      detect_machine: true
      expires: 1h30m
      offer: {after: 30s}
      retries: {busy: {delay: 1m, place: keep}}
"""


def local(text: str) -> int:
    moment = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/Sao_Paulo"))
    return int(moment.timestamp() * 1000)


def test_a_queue_is_its_own_words_over_the_file_s_defaults_over_the_model_s() -> None:
    found = load_queues(WRITTEN, "q.yaml")
    assert found.problems == []
    plain, sales = found.queues["plain"], found.queues["sales"]
    assert (plain.hours, plain.wrap_up_ms, plain.target_ms, plain.closing) == ("office", 45_000, 20_000, "next_opening")
    assert plain.callbacks.offer == Offer(min_wait_ms=300_000, after_ms=120_000)
    assert plain.callbacks.retries[Outcome.BUSY] == Retry(2, 300_000, Place.DUE)
    assert (sales.title, sales.skills) == ({"pt-BR": "Vendas"}, frozenset({"sales", "english"}))
    assert (sales.target_ms, sales.target_share, sales.wrap_up_ms) == (60_000, 0.9, 0)
    assert (sales.caller_id, sales.closing) == ("+551130001000", Closing.MESSAGE)
    assert sales.callbacks.order is Order.CUSTOMER_FIRST
    assert (sales.callbacks.detect_machine, plain.callbacks.detect_machine) == (True, False)
    assert sales.callbacks.expires_ms == 5_400_000
    assert sales.callbacks.offer == Offer(min_wait_ms=300_000, after_ms=30_000)
    assert sales.callbacks.retries[Outcome.BUSY] == Retry(2, 60_000, Place.KEEP)
    assert sales.callbacks.retries[Outcome.FAILED] == Retry(12, 15_000, Place.KEEP)


def test_a_queue_of_one_word_is_the_model_s_default() -> None:
    found = load_queues("version: 1\nqueues:\n  help: {}\n", "q.yaml")
    assert found.queues == {"help": Queue("help")}


WRONG = """
version: 1
hours:
  office: {timezone: America/Sao_Paulo, mon-fri: 08:00-18:00}
queues:
  sales:
    hours: office
    target: 20s
    service_level: 80 in 20s
    wrap_up: 30
    max_misses: 0
    caller_id: 1130001000
    closing: tomorow
    callbacks:
      retries: {bussy: {attempts: 2}, no_answer: {attempts: x, delay: 2d}}
  Sales: {handle: 0s}
"""


def test_all_mistakes_are_told_at_once_each_at_its_place() -> None:
    found = load_queues(WRONG, "flows/queues.yaml")
    assert found.queues == {}
    told = [str(problem) for problem in found.problems]
    places = [":".join(line.split(":")[:3]) for line in told]
    assert places == [
        f"flows/queues.yaml:{at}"
        for at in ("8:5", "9:20", "10:14", "11:17", "12:16", "13:14", "15:17", "15:61", "15:71", "16:3", "16:19")
    ]
    assert 'unknown field "target" in "sales"; expected one of' in told[0]
    assert '"80 in 20s" is not a service level; write the share and the time: 80% in 20s' in told[1]
    assert "write a number with its unit: 5s, 2m" in told[2]
    assert 'expected one of "next_opening", "message"' in told[5]
    assert 'did you mean "busy"?' in told[6]


@pytest.mark.parametrize("section", ["defaults", "queues"])
def test_hours_that_nobody_defined_are_told_with_what_was_meant(section: str) -> None:
    text = WRITTEN.replace("  hours: office\n", "  hours: ofice\n", 1)
    if section == "queues":
        text = WRITTEN.replace("  plain: {}", "  plain: {hours: ofice}")
    [problem] = load_queues(text, "q.yaml").problems
    assert (problem.rule, problem.hint) == ("unknown-hours", 'did you mean "office"? expected "office"')


def test_what_a_yaml_reader_would_guess_stays_text() -> None:
    text = "version: 1\nqueues:\n  help: {title: {pt-BR: 0800, en: on}, callbacks: {enabled: false}}\n"
    queue = load_queues(text, "q.yaml").queues["help"]
    assert queue.title == {"pt-BR": "0800", "en": "on"}
    assert queue.callbacks.enabled is False


def test_a_file_that_is_not_there_or_wrong_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(QueuesError, match="cannot be read"):
        read_queues(tmp_path / "queues.yaml")
    (tmp_path / "queues.yaml").write_text(WRONG, encoding="utf-8")
    with pytest.raises(QueuesError) as error:
        read_queues(tmp_path / "queues.yaml")
    assert len(error.value.problems) == 11


def test_the_shipped_queues_are_whole_in_three_languages() -> None:
    found = read_queues(SHIPPED)
    assert found.problems == []
    assert {"front_desk", "sales", "billing", "support", "appointments", "results", "nurse"} <= found.queues.keys()
    for queue in found.queues.values():
        assert queue.title.keys() == {"pt-BR", "en", "es"}
        assert queue.hours in found.hours


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-03-10T10:00", Opening(True, local("2026-03-10T18:00"), local("2026-03-11T08:00"))),
        ("2026-03-10T07:59", Opening(False, 0, local("2026-03-10T08:00"))),
        ("2026-03-13T18:00", Opening(False, 0, local("2026-03-16T08:00"))),
    ],
)
def test_the_opening_of_a_queue_follows_its_hours(now: str, expected: Opening) -> None:
    found = load_queues(WRITTEN, "q.yaml")
    assert found.opening(found.queues["plain"], local(now)) == expected


def test_without_hours_or_an_end_it_is_always_open() -> None:
    found = load_queues(WRITTEN.replace("mon-fri: 08:00-18:00", "daily: 24h"), "q.yaml")
    assert opening(None, 0) == ALWAYS_OPEN
    assert found.opening(found.queues["plain"], local("2026-03-10T10:00")) == ALWAYS_OPEN
