"""`retorno flow speak`: make the sounds of flows before anybody calls.

Law: what is right stays as it is; a second run has nothing to do. Exit 1 when something cannot be spoken.
"""

from __future__ import annotations

import re
import sys
import time
import wave
from pathlib import Path

import click

from ivr import log
from ivr.config import load
from ivr.flow.load import load_flow
from ivr.flow.model import Flow
from ivr.instructions import Play, Say
from ivr.speech.ahead import render_ahead, tidy
from ivr.speech.fitness import faults
from ivr.speech.sounds import Sounds, sounds_from
from ivr.speech.tones import RATE, linear

QUEUES_FILE = "queues.yaml"
SHOWN = 20


@click.command()
@click.argument("names", metavar="[FLOW]...", nargs=-1)
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Write them as WAV files too, to listen to."
)
def speak(names: tuple[str, ...], out: Path | None) -> None:
    """Render what flows say, before anybody calls: all prompts without values, choices, our own sentences.

    FLOW is a name; all flows of the flows folder if none is given.
    """
    settings = load()
    log.set_up(settings.log_level, settings.log_format)
    sounds = sounds_from(settings)
    flows = _flows(settings.flows_dir, names)
    rendered = render_ahead(flows, sounds)
    failed = {sounds.sound_of(part) for part in rendered.failed}
    for part in rendered.failed[:SHOWN]:
        what = f"played: {part.audio}; spoken instead" if isinstance(part, Play) else f"spoken in {part.lang}"
        click.echo(f"cannot be {what}: {part.text}")
    if out is not None:
        for sound in rendered.parts.keys() - failed:
            _listen(sounds, sound, rendered.parts[sound], out)
    if not names:  # only who knows what all flows say may judge what is not needed
        tidy(flows, sounds, settings.sounds_max_mb * 1_000_000, time.time())
    click.echo(
        f"{len(rendered.parts)} sounds of {len(flows)} flow(s) in {sounds.folder}: {rendered.made} new, {len(failed)} failed",
        err=True,
    )
    if failed:
        for fault in faults(sounds, sorted({part.lang for part in rendered.failed})):
            click.echo(fault, err=True)
        sys.exit(1)


def _flows(folder: Path, names: tuple[str, ...]) -> list[Flow]:
    """The flows called `names`, all without any. What does not load is for `retorno flow lint`."""
    loaded = [
        load_flow(path.read_bytes(), str(path)).flow
        for path in sorted(folder.glob("*.yaml"))
        if path.name != QUEUES_FILE
    ]
    flows = {flow.flow: flow for flow in loaded if flow is not None}
    if not flows:
        raise click.ClickException(f"no flow in {folder} can be read: see `retorno flow lint`")
    if unknown := [name for name in names if name not in flows]:
        raise click.UsageError(f"there is no flow {unknown[0]}; there are: {', '.join(flows)}")
    return [flows[name] for name in names or flows]


def _listen(sounds: Sounds, sound: str, part: Say | Play, out: Path) -> None:
    """The sound as a WAV file that is called after its language and its words."""
    out.mkdir(parents=True, exist_ok=True)
    said = re.sub(r"\W+", "-", part.prompt or part.text.lower()).strip("-")[:60]
    with wave.open(str(out / f"{part.lang}-{said}-{sound[:6]}.wav"), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(
            b"".join(linear(byte).to_bytes(2, "little", signed=True) for byte in sounds.path(sound).read_bytes())
        )
