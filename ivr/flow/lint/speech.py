"""Prompts: that they exist, in every language, as sound that can be played, and short enough to follow."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ivr.flow.fields import Audio
from ivr.flow.lint.draft import Draft, Rule, Spoken, steps_of, text_of
from ivr.flow.lint.marks import marked
from ivr.flow.lint.recordings import measure
from ivr.flow.lint.spoken import seconds
from ivr.flow.problems import Problem, Severity, expected
from ivr.flow.steps.say import Say

UNKNOWN_PROMPT = Rule("unknown-prompt", Severity.ERROR, "a step speaks a prompt that does not exist")
UNUSED_PROMPT = Rule("unused-prompt", Severity.WARNING, "no step speaks this prompt", whole=True)
MISSING_LANGUAGE = Rule("missing-language", Severity.ERROR, "words are missing in a language that the flow declares")
UNKNOWN_LANGUAGE = Rule("unknown-language", Severity.ERROR, "a language is used that the flow does not declare")
PROMPT_TOO_LONG = Rule("prompt-too-long", Severity.WARNING, "a prompt is longer than callers listen")
MISSING_AUDIO = Rule("missing-audio", Severity.ERROR, "a recording is not in the prompts folder")
AUDIO_FORMAT = Rule("audio-format", Severity.WARNING, "a recording will sound wrong on a telephone")
BARGE_IN_LEGAL = Rule("barge-in-legal", Severity.INFO, "a caller can skip the notice that the call is recorded")

MAX_SECONDS = 12

_RECORDING_NOTICE = re.compile(
    r"\bgravad[ao]s?\b|\bser[áa] gravad|\bgrabad[ao]s?\b|\b(?:be|is|are|being) recorded\b", re.IGNORECASE
)


def prompts(draft: Draft) -> Iterator[Problem]:
    """unknown-prompt and unused-prompt. A prompt that was probably meant by a wrong name counts as used."""
    used: set[str] = set()
    for name, step in draft.flow.steps.items():
        for path, ref in marked(step, "prompt"):
            if not isinstance(ref, str):
                continue
            used.add(ref)
            if ref not in draft.flow.prompts:
                hint = expected(draft.flow.prompts, ref)
                used.add(hint.partition('did you mean "')[2].partition('"')[0])
                yield draft.problem(UNKNOWN_PROMPT, ("steps", name, *path), f'there is no prompt "{ref}"', hint)
    for name in draft.flow.prompts:
        if name not in used:
            yield draft.problem(
                UNUSED_PROMPT, ("prompts", name), f'no step speaks prompt "{name}"', "delete it", key=True
            )


def languages(draft: Draft) -> Iterator[Problem]:
    """missing-language for every prompt and label; unknown-language for those, and for entries."""
    declared = draft.flow.languages
    for spoken in draft.all_words():
        what = f'prompt "{spoken.name}"' if spoken.name else f'the {spoken.field} of step "{spoken.path[1]}"'
        missing = [lang for lang in declared if lang not in spoken.words]
        strange = [lang for lang in spoken.words if lang not in declared]
        for lang in strange:
            path = (*spoken.path, lang)
            yield draft.problem(UNKNOWN_LANGUAGE, path, f'"{lang}" is not declared', expected(declared, lang), key=True)
        if len(missing) > len(strange):
            listed = " and ".join(missing)
            hint = f"languages: [{', '.join(declared)}]"
            yield draft.problem(MISSING_LANGUAGE, spoken.path, f"{what} has no words in {listed}", hint, key=True)
    for key, entry in draft.flow.entry.items():
        if entry.lang and entry.lang not in declared:
            path = ("entry", key, "lang")
            hint = expected(declared, entry.lang)
            yield draft.problem(UNKNOWN_LANGUAGE, path, f'"{entry.lang}" is not declared', hint)


def too_long(draft: Draft) -> Iterator[Problem]:
    """Once per prompt, at the language that takes longest; a recording is measured, a text estimated."""
    for spoken in draft.all_words():
        times = {lang: _length(draft, value) for lang, value in spoken.words.items()}
        lang = max(times, key=lambda each: times[each], default="")
        if lang and times[lang] > MAX_SECONDS:
            what = f'prompt "{spoken.name}"' if spoken.name else f"the {spoken.field}"
            message = f"{what} takes {times[lang]:.0f} s in {lang}"
            yield draft.problem(
                PROMPT_TOO_LONG, (*spoken.path, lang), message, f"at most {MAX_SECONDS} s: split or shorten it"
            )


def _length(draft: Draft, value: str | Audio) -> float:
    folder = draft.known.audio
    if isinstance(value, Audio) and folder is not None:
        measured = measure(folder, value.audio)
        if measured is not None and measured.seconds:
            return measured.seconds
    return seconds(text_of(value))


def recordings(draft: Draft) -> Iterator[Problem]:
    """missing-audio and audio-format, for each recording once."""
    folder = draft.known.audio
    if folder is None:
        return
    done: set[str] = set()
    for spoken, lang, recording in _recordings(draft):
        if recording.audio in done:
            continue
        done.add(recording.audio)
        path = (*spoken.path, lang, "audio")
        measured = measure(folder, recording.audio)
        if measured is None:
            message = f'there is no recording "{recording.audio}"'
            yield draft.problem(MISSING_AUDIO, path, message, f"put it below {folder.name}/, or leave the text alone")
        elif measured.faults:
            message = f'"{recording.audio}" is {", ".join(measured.faults)}'
            yield draft.problem(
                AUDIO_FORMAT, path, message, "expected mono, 8 or 16 kHz, 16 bit, at most 5 MB, not clipped"
            )


def _recordings(draft: Draft) -> Iterator[tuple[Spoken, str, Audio]]:
    for spoken in draft.all_words():
        for lang, value in spoken.words.items():
            if isinstance(value, Audio):
                yield spoken, lang, value


def barge_in_legal(draft: Draft) -> Iterator[Problem]:
    for name, step in steps_of(draft.flow, Say):
        if not step.barge_in:
            continue
        for spoken in draft.spoken(name):
            notice = any(_RECORDING_NOTICE.search(text_of(value)) for value in spoken.words.values())
            if notice:
                message = f'step "{name}" tells of the recording, but a key skips it'
                yield draft.problem(BARGE_IN_LEGAL, ("steps", name), message, "write barge_in: false", key=True)
                break
