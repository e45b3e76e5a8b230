"""`retorno talk` on talks of a real line, with the simulated network reached over HTTP as an operator's command would."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis as redis_py
from click.testing import CliRunner, Result
from shell import FLOWS, Shell

from callback.model import EntryState, PhoneState
from ivr.cli import main
from ivr.providers.simulator.link import control, serve

Run = Callable[..., Result]


@pytest.fixture
def shell(redis: redis_py.Redis, redis_url: str) -> Shell:
    return Shell(redis_url)


@pytest.fixture
def run(shell: Shell, redis_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Run]:
    """`retorno ...` with the settings of `shell`."""
    server = serve(control(shell.network, shell.key), "127.0.0.1", 0)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ivr.log.set_up", lambda *_: None)  # the log of the tests' process is the tests' affair
    for name, value in {
        "REDIS_URL": redis_url,
        "RETORNO_TENANT": "test",
        "RETORNO_SECRET_KEY": "x" * 32,
        "RETORNO_FLOWS_DIR": str(FLOWS),
        "RETORNO_SIMULATOR_URL": f"http://127.0.0.1:{server.port}",
    }.items():
        monkeypatch.setenv(name, value)
    yield lambda *words: CliRunner().invoke(main, list(words))
    server.shutdown()
    server.server_close()


def talking(shell: Shell) -> str:
    shell.agent("ana", ("sales",))
    shell.dials_in("1", None, None, "5")
    shell.run(60_000)
    (talk,) = shell.line.talks()
    return talk.attempt


def test_without_a_talk_it_says_so(run: Run) -> None:
    result = run("talk", "list")
    assert (result.exit_code, result.output) == (0, "nobody talks now\n")


def test_the_list_shows_who_talks_and_no_number(shell: Shell, run: Run) -> None:
    attempt = talking(shell)
    output = run("talk", "list").output
    head, row = output.splitlines()
    assert head.split() == ["talk", "entry", "queue", "agent", "customer", "for"]
    assert row.split()[:5] == [attempt, shell.entry().id, "sales", "ana", "+55…7766"]


def test_a_customer_is_sent_on(shell: Shell, run: Run) -> None:
    attempt = talking(shell)
    result = run("talk", "transfer", attempt, "support")
    assert (result.exit_code, result.output) == (0, f"{shell.entry().id} waits in support\n")
    assert shell.entry().state is EntryState.WAITING
    assert shell.events("transferred")[0].data["by"] == "operator"


def test_recording_and_listening_reach_the_network(shell: Shell, run: Run) -> None:
    attempt = talking(shell)
    shell.network.people["sim:boss"] = shell.network.people["sim:ana"]
    for words in (
        ("record", attempt, "on"),
        ("record", attempt, "off"),
        ("listen", attempt, "--phone", "sim:boss"),
        ("whisper", attempt, "--phone", "sim:boss"),
        ("barge", attempt, "--phone", "sim:boss"),
    ):
        result = run("talk", *words)
        assert (result.exit_code, result.output[: len(attempt)]) == (0, attempt), result.output
    assert [(call, on) for _, call, on in shell.network.recorded] == [("c1", True), ("c1", False)]
    assert [mode for *_, mode in shell.network.listened] == ["listen", "whisper", "barge"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("transfer", "nothing", "support"), "nothing is no talk that goes on now"),
        (("transfer", "{talk}", "nowhere"), "no queue 'nowhere'; expected agent:<id> or one of"),
        (("transfer", "{talk}", "agent:zoe"), "no agent 'zoe'"),
        (("listen", "{talk}", "--phone", "sim:nobody"), "this phone cannot be rung"),
        (
            ("barge", "{talk}", "--phone", "+19005550100"),
            "take a phone of the house, or a number that RETORNO_REGIONS allows",
        ),
        (("record", "nothing", "off"), "nothing is no talk that goes on now"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line(shell: Shell, run: Run, words: tuple[str, ...], says: str) -> None:
    attempt = talking(shell)
    result = run("talk", *(word.format(talk=attempt) for word in words))
    assert result.exit_code == 1
    assert says in result.output
    assert shell.entry().state is EntryState.CONNECTED


def test_a_network_that_is_not_there_is_told(shell: Shell, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = talking(shell)
    monkeypatch.setenv("RETORNO_SIMULATOR_URL", "http://127.0.0.1:9")
    result = run("talk", "record", attempt, "off")
    assert result.exit_code == 1
    assert "the telephone network did not answer" in result.output


def test_the_list_of_agents_says_in_words_why_one_is_paused(shell: Shell, run: Run) -> None:
    shell.agent("ana", ("sales",))
    shell.line.phone("sim:ana", PhoneState.GONE)
    assert "paused (phone not connected)" in run("agent", "list").output


def test_a_network_that_is_not_ours_keeps_no_recordings_here(run: Run, tmp_path: Path) -> None:
    result = run("talk", "recording", "t1", "--out", str(tmp_path / "t1.wav"))
    assert result.exit_code == 1
    assert "the telephone network is simulator, which keeps no recordings here" in result.output
    assert not (tmp_path / "t1.wav").exists()
