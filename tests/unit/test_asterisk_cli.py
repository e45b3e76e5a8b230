"""`retorno asterisk`: what it writes, and what it says when it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ivr.cli import main
from ivr.config import load
from ivr.providers.asterisk import passwords

ONE = "version: 1\nwebs: [http://127.0.0.1:9]\nnodes: {one: {sip: 127.0.0.1:5060, sounds: SOUNDS}}\nphones: {ana: {node: one}}\n"
TWO = """version: 1
webs: [http://127.0.0.1:9]
nodes:
  one: {sip: 0.0.0.0:5060, address: 10.0.0.5, sounds: SOUNDS}
  two: {sip: 0.0.0.0:5060, address: 10.0.0.6, sounds: SOUNDS, home: HOME}
"""


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {
        "RETORNO_SECRET_KEY": "a secret long enough to be believed in",
        "RETORNO_PROVIDER": "asterisk",
        "RETORNO_DATA_DIR": str(tmp_path / "var"),
        "RETORNO_SOUNDS_DIR": str(tmp_path / "sounds"),
        "RETORNO_SPEECH_COMMAND": "/nonexistent/engine",
        "RETORNO_ASTERISK_FILE": str(tmp_path / "asterisk.yaml"),
    }


def run(tmp_path: Path, env: dict[str, str], text: str, *words: str) -> Result:
    written = text.replace("SOUNDS", str(tmp_path / "sounds")).replace("HOME", str(tmp_path / "home"))
    (tmp_path / "asterisk.yaml").write_text(written)
    return CliRunner().invoke(main, ["asterisk", *words], env=env)


def test_config_writes_all_files_and_what_the_node_says_alone(tmp_path: Path, env: dict[str, str]) -> None:
    done = run(tmp_path, env, ONE, "config", "--out", str(tmp_path / "etc"))
    assert done.exit_code == 0, done.output
    assert "files for one in" in done.stdout
    assert "Tones stand in for one-moment-pt-BR" in done.stderr
    assert {"asterisk.conf", "pjsip.conf", "extensions_retorno.conf"} <= {f.name for f in (tmp_path / "etc").iterdir()}
    assert (tmp_path / "sounds" / "retorno" / "music" / "music.ulaw").exists()


def test_no_password_is_printed_unless_asked_for(tmp_path: Path, env: dict[str, str]) -> None:
    secret = passwords.phone(load(env, None), "ana")
    out = ("config", "--out", str(tmp_path / "etc"))
    assert secret not in run(tmp_path, env, ONE, *out).output
    assert f"ana: password {secret}, server 127.0.0.1:5060" in run(tmp_path, env, ONE, *out, "--show-passwords").stdout


def test_fragments_are_four_files(tmp_path: Path, env: dict[str, str]) -> None:
    assert run(tmp_path, env, ONE, "config", "--out", str(tmp_path / "etc"), "--fragments").exit_code == 0
    assert all(file.name.endswith("_retorno.conf") for file in (tmp_path / "etc").iterdir())
    assert len(list((tmp_path / "etc").iterdir())) == 4


def test_with_two_nodes_one_has_to_be_named(tmp_path: Path, env: dict[str, str]) -> None:
    out = ("config", "--out", str(tmp_path / "etc"))
    unnamed = run(tmp_path, env, TWO, *out)
    assert unnamed.exit_code == 1
    assert "which node? asterisk.yaml has one, two: say --node NAME" in unnamed.output
    wrong = run(tmp_path, env, TWO, *out, "--node", "three")
    assert "there is no node three: asterisk.yaml has one, two" in wrong.output
    assert "for two in" in run(tmp_path, env, TWO, *out, "--node", "two").output
    assert (tmp_path / "home" / "run").is_dir()
    assert "for one in" in run(tmp_path, env | {"RETORNO_ASTERISK_NODE": "one"}, TWO, *out).output


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / "file").write_text("")
    done = run(tmp_path, env, ONE, "config", "--out", str(tmp_path / "file" / "etc"))
    assert done.exit_code == 1
    assert "choose another folder" in done.output
    assert "Traceback" not in done.output


def test_music_that_cannot_be_played_is_refused(tmp_path: Path, env: dict[str, str]) -> None:
    out = ("config", "--out", str(tmp_path / "etc"))
    text = ONE + f"music: {{jazz: {tmp_path}/jazz}}\n"
    for said in ("No such file", "it is empty", "(.mp3)"):
        done = run(tmp_path, env, text, *out)
        assert done.exit_code == 1
        assert said in done.output
        assert f"sox music.mp3 -r 8000 -b 16 -c 1 {tmp_path}/jazz/music.wav" in done.output
        assert not (tmp_path / "etc").exists()
        if said == "it is empty":
            (tmp_path / "jazz" / "a.mp3").write_bytes(b"ID3")
        (tmp_path / "jazz").mkdir(exist_ok=True)
    elsewhere = (*out, "--sounds", str(tmp_path / "for-another-machine"))
    assert run(tmp_path, env, text, *elsewhere).exit_code == 0
    (tmp_path / "jazz" / "a.ulaw").write_bytes(b"\xff" * 8000)
    assert run(tmp_path, env, text, *out).exit_code == 0


def test_a_wrong_file_is_told_with_its_lines(tmp_path: Path, env: dict[str, str]) -> None:
    done = run(tmp_path, env, ONE.replace("5060", "x"), "config", "--out", str(tmp_path / "etc"))
    assert done.exit_code == 1
    assert "asterisk.yaml:3:20: " in done.output


def test_a_carrier_without_its_secret_is_told(tmp_path: Path, env: dict[str, str]) -> None:
    text = ONE + "trunks: {c: {host: c.example, user: u, secret: CARRIER}}\n"
    out = ("config", "--out", str(tmp_path / "etc"))
    assert "RETORNO_SECRET_CARRIER is not set" in run(tmp_path, env, text, *out).output
    assert run(tmp_path, env | {"RETORNO_SECRET_CARRIER": "x"}, text, *out).exit_code == 0
    bad = run(tmp_path, env | {"RETORNO_SECRET_CARRIER": "a b"}, text, *out)
    assert bad.exit_code == 1
    assert "the password of trunk c must be" in bad.output


def test_check_exits_1_when_something_fails(tmp_path: Path, env: dict[str, str]) -> None:
    done = run(tmp_path, env, ONE.replace("sip:", "ami: 127.0.0.1:9, sip:"), "check")
    assert done.exit_code == 1
    assert "fail no web server answers at http://127.0.0.1:9" in done.stdout


def test_the_doctor_looks_at_the_asterisk_side_too(tmp_path: Path, env: dict[str, str]) -> None:
    run(tmp_path, env, ONE.replace("sip:", "ami: 127.0.0.1:9, sip:"), "check")
    told = CliRunner().invoke(main, ["doctor"], env=env).stdout
    assert "fail one: cannot connect to 127.0.0.1:9" in told
    assert "RETORNO_SECRET_KEY is our own" in told


def test_an_option_of_the_control_process_before_a_subcommand_is_wrong_usage(
    tmp_path: Path, env: dict[str, str]
) -> None:
    done = run(tmp_path, env, ONE, "--node", "one", "check")
    assert done.exit_code == 2
    assert "retorno asterisk check --node one" in done.output
