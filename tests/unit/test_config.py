"""The settings: every mistake at once, no secret shown, the demo kept apart."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from ivr.clock import ScaledClock, SystemClock
from ivr.config import DEMO_SECRET, MASK, VARIABLES, Settings, clock_from, load
from ivr.errors import ConfigError

SECRET = "a secret long enough to be believed in"
GOOD = {"RETORNO_SECRET_KEY": SECRET}


def problems(env: dict[str, str], env_file: Path | None = None) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load(env, env_file)
    return caught.value.problems


def test_every_field_has_its_variable() -> None:
    described = {row.field for row in VARIABLES} | {"redis_url", "secrets"}
    assert described == {f.name for f in fields(Settings)}


def test_defaults_listen_on_loopback_only_and_ring_the_home_country_only() -> None:
    settings = load(GOOD, None)
    assert (settings.host, settings.port, settings.loopback) == ("127.0.0.1", 8000, True)
    assert (settings.home_country, settings.regions) == ("BR", frozenset({"BR"}))
    assert settings.embedded
    assert settings.data_dir == Path.cwd() / "var"


def test_all_mistakes_are_named_at_once() -> None:
    found = problems(
        {
            "RETORNO_PORT": "80000",
            "RETORNO_PROVIDER": "skype",
            "RETORNO_REGIONS": "brazil",
            "RETORNO_PUBIC_URL": "https://x.example",
            "REDIS_URL": "localhost:6379",
        }
    )
    text = "\n".join(found)
    assert "RETORNO_PORT=80000: expected a whole number from 0 to 65535" in text
    assert "RETORNO_PROVIDER=skype: expected one of simulator, twilio, asterisk" in text
    assert "RETORNO_REGIONS=brazil: expected two-letter countries" in text
    assert "RETORNO_PUBIC_URL is not a setting: did you mean RETORNO_PUBLIC_URL?" in text
    assert f"REDIS_URL={MASK}: expected a URL" in text
    assert "RETORNO_SECRET_KEY is not set" in text
    assert len(found) == 6


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({}, "is not set"),
        ({"RETORNO_SECRET_KEY": "short"}, "shorter than 32"),
        ({"RETORNO_SECRET_KEY": DEMO_SECRET}, "the demo's"),
        (GOOD | {"RETORNO_HOST": "192.0.2.7"}, "set RETORNO_API_TOKEN"),
        (GOOD | {"RETORNO_DEMO": "1", "RETORNO_PROVIDER": "twilio"}, "rings no real telephone"),
        (GOOD | {"RETORNO_CLOCK": "scaled:1:10"}, "is for the demo"),
        (GOOD | {"RETORNO_CLOCK": "fast", "RETORNO_DEMO": "1"}, "scaled:<epoch ms>:<speed>"),
        (GOOD | {"RETORNO_HOME_COUNTRY": "BR,PT"}, "a single country"),
        (GOOD | {"RETORNO_DENY_PREFIXES": "0800"}, "international prefixes"),
        (GOOD | {"RETORNO_HTTP_HOSTS": "https://crm.example"}, "without https://"),
        (GOOD | {"RETORNO_SPEECH_COMMAND": "say {text}"}, "{text} is not known; expected {lang}, {voice}, {speed}"),
        (GOOD | {"RETORNO_SPEECH_COMMAND": "say 'it"}, "cannot be read as a command: No closing quotation"),
        (GOOD | {"RETORNO_SPEECH_COMMAND": "say {voice"}, "cannot be read as a command: expected '}'"),
        (GOOD | {"RETORNO_SPEECH_COMMAND": "  "}, "expected a command that reads a text and writes a WAV file"),
        (GOOD | {"RETORNO_SPEECH_VOICES": "pt-br"}, "expected language=voice"),
        (GOOD | {"RETORNO_SPEECH_SPEED": "fast"}, "a whole number from 80 to 300"),
        (GOOD | {"RETORNO_SOUNDS_MAX_MB": "1"}, "a whole number from 10 to"),
    ],
)
def test_refused(env: dict[str, str], said: str) -> None:
    assert said in "\n".join(problems(env))


def test_the_demo_has_its_own_folder_its_own_keys_and_a_known_secret() -> None:
    settings = load({"RETORNO_DEMO": "1"}, None)
    assert settings.secret_key == DEMO_SECRET
    assert settings.data_dir == Path.cwd() / "var" / "demo"
    assert settings.tenant == "demo"


def test_secrets_are_in_no_text_we_make() -> None:
    env = GOOD | {
        "RETORNO_API_TOKEN": "token-token-token-token-token-token",
        "RETORNO_SECRET_CRM": "bearer-of-the-crm",
        "REDIS_URL": "redis://user:hunter2@redis.example:6379/0",
    }
    settings = load(env, None)
    everything = repr(settings) + str(settings) + repr(settings.shown())
    for secret in (SECRET, "token-token", "bearer-of-the-crm", "hunter2"):
        assert secret not in everything
    assert settings.shown()["REDIS_URL"] == f"redis://{MASK}@redis.example:6379/0"
    assert settings.shown()["RETORNO_SECRET_CRM"] == MASK
    assert settings.secrets == {"crm": "bearer-of-the-crm"}


def test_a_wrong_secret_is_not_shown_in_its_problem(tmp_path: Path) -> None:
    text = "\n".join(problems({"RETORNO_SECRET_KEY": "pst", "RETORNO_SECRET_KEY_FILE": str(tmp_path / "none")}))
    assert "pst" not in text
    assert "both set" in text
    assert "cannot be read" in text


def test_a_value_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(SECRET + "\n")
    (tmp_path / "crm").write_text("bearer\n")
    (tmp_path / "redis").write_text("redis://redis.example:6379/1\n")
    settings = load(
        {
            "RETORNO_SECRET_KEY_FILE": str(tmp_path / "key"),
            "RETORNO_SECRET_CRM_FILE": str(tmp_path / "crm"),
            "REDIS_URL_FILE": str(tmp_path / "redis"),
        },
        None,
    )
    assert settings.secret_key == SECRET
    assert settings.secrets == {"crm": "bearer"}
    assert settings.redis_url == "redis://redis.example:6379/1"


def test_sounds_are_in_the_data_directory_until_they_are_put_elsewhere(tmp_path: Path) -> None:
    given = GOOD | {"RETORNO_DATA_DIR": str(tmp_path)}
    assert load(given, None).sounds_dir == tmp_path / "sounds"
    assert load(given | {"RETORNO_SOUNDS_DIR": "/srv/sounds"}, None).sounds_dir == Path("/srv/sounds")


def test_env_file_is_read_and_the_real_environment_wins(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(
        "# ours\n"
        f"export RETORNO_SECRET_KEY='{SECRET}'  # quoted\n"
        'RETORNO_PUBLIC_URL="https://ivr.example"\n'
        "RETORNO_PORT=9000 # by the file\n"
        "RETORNO_WORKERS = 3\n"
        "OTHER=ignored\n"
        "\n"
    )
    settings = load({"RETORNO_PORT": "9001"}, file)
    assert settings.secret_key == SECRET
    assert settings.public_url == "https://ivr.example"
    assert (settings.port, settings.workers) == (9001, 3)


def test_a_bad_line_of_the_env_file_is_named_by_its_number(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(f"RETORNO_SECRET_KEY={SECRET}\nRETORNO_PORT 9000\n")
    assert problems({}, file) == (f"{file}:2: expected NAME=value",)


def test_the_public_url_follows_the_port_until_it_is_set() -> None:
    assert load(GOOD | {"RETORNO_PORT": "9000"}, None).public_url == "http://127.0.0.1:9000"
    given = GOOD | {"RETORNO_PORT": "9000", "RETORNO_PUBLIC_URL": "https://ivr.example/"}
    assert load(given, None).public_url == "https://ivr.example"


def test_keys_differ_by_purpose_and_by_secret() -> None:
    one, other = load(GOOD, None), load({"RETORNO_SECRET_KEY": SECRET + "!"}, None)
    keys = {one.key("jobs"), one.key("webhooks"), other.key("jobs"), other.key("webhooks")}
    assert len(keys) == 4
    assert all(len(key) == 32 for key in keys)
    assert one.key("jobs") == load(GOOD, None).key("jobs")


def test_clock(tmp_path: Path) -> None:
    """The wall clock, unless the demo says otherwise, by its variable or by the file it leaves for other processes."""
    demo = {"RETORNO_DEMO": "1", "RETORNO_DATA_DIR": str(tmp_path)}
    assert clock_from(load(GOOD, None)) == SystemClock()
    assert clock_from(load(demo, None)) == SystemClock()
    assert clock_from(load(demo | {"RETORNO_CLOCK": "scaled:1000:10"}, None)) == ScaledClock(1000, 10.0)
    (tmp_path / "clock").write_text("scaled:2000:20\n")
    assert clock_from(load(demo, None)) == ScaledClock(2000, 20.0)
    assert clock_from(load(GOOD | {"RETORNO_DATA_DIR": str(tmp_path)}, None)) == SystemClock()


def test_shipped_example_names_every_setting_and_only_settings() -> None:
    example = (Path(__file__).parents[2] / ".env.example").read_text()
    named = {line.lstrip("# ").split("=")[0] for line in example.splitlines() if "=" in line and "RETORNO_" in line}
    assert {row.name for row in VARIABLES} <= named
    assert named <= {row.name for row in VARIABLES} | {"RETORNO_SECRET_CRM"}
