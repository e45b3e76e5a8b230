"""The web application of an installation on Asterisk: wired with its webhooks, and with no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.app import build, create_app
from ivr.cli.parts import _Web
from ivr.config import Settings, load
from ivr.errors import ConfigError
from ivr.flow.model import Flow
from ivr.providers.asterisk.client import AsteriskProvider
from ivr.providers.asterisk.nodes import SiteError

FLOWS = Path(__file__).parents[2] / "flows"
SITE = "version: 1\nwebs: [http://127.0.0.1:9]\nnodes: {one: {sip: 127.0.0.1:5060}}\n"


def settings_in(folder: Path, redis_url: str, provider: str = "asterisk") -> Settings:
    (folder / "asterisk.yaml").write_text(SITE)
    given = {
        "RETORNO_SECRET_KEY": "a secret long enough to be believed in",
        "RETORNO_PROVIDER": provider,
        "RETORNO_FLOWS_DIR": str(FLOWS),
        "RETORNO_DATA_DIR": str(folder),
        "RETORNO_ASTERISK_FILE": str(folder / "asterisk.yaml"),
        "REDIS_URL": redis_url,
    }
    return load(given, None)


def test_a_node_may_knock_and_needs_a_signature(tmp_path: Path, redis_url: str) -> None:
    settings = settings_in(tmp_path, redis_url)
    parts = build(settings)
    assert isinstance(parts.provider, AsteriskProvider)
    client = create_app(settings, parts).test_client()
    assert client.post("/asterisk/incoming", data={"node": "one"}).status_code == 403
    assert client.post("/simulator/incoming").status_code == 404


def test_what_the_flows_say_is_rendered_when_the_web_server_starts(
    tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered: list[Flow] = []
    monkeypatch.setattr("ivr.app.render_behind", lambda flows, _sounds: rendered.extend(flows))
    _Web(settings_in(tmp_path, redis_url)).load()
    written = {path.stem for path in FLOWS.glob("*.yaml")} - {"queues"}
    assert {flow.flow for flow in rendered} == written


def test_with_the_simulator_no_node_may_knock(tmp_path: Path, redis_url: str) -> None:
    client = create_app(settings_in(tmp_path, redis_url, "simulator")).test_client()
    assert client.post("/asterisk/incoming", data={"node": "one"}).status_code == 404


def test_without_asterisk_yaml_no_process_starts(tmp_path: Path, redis_url: str) -> None:
    settings = settings_in(tmp_path, redis_url)
    (tmp_path / "asterisk.yaml").unlink()
    with pytest.raises(SiteError, match="RETORNO_ASTERISK_FILE"):
        build(settings)


def test_a_provider_that_is_not_there_yet_is_refused(tmp_path: Path, redis_url: str) -> None:
    with pytest.raises(ConfigError, match="has simulator and asterisk"):
        build(settings_in(tmp_path, redis_url, "twilio"))
