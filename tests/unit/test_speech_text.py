"""What reaches an engine, and what we make without one."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.speech import tones
from ivr.speech.text import MAX_CHARS, spoken_form


@pytest.mark.parametrize(
    ("text", "lang", "said"),
    [
        ("Olá,\n  Ana.", "pt-BR", "Olá, Ana."),
        ("Olá [[h@loU]] Ana", "pt-BR", "Olá h@loU Ana"),
        ("<prosody rate='x-slow'>Ana</prosody>", "en", "prosody rate 'x-slow' Ana /prosody"),
        ("{{SayText}} \\vol=1\\", "en", "SayText vol 1"),
        ("Silva & Souza", "pt-BR", "Silva e Souza"),
        ("Silva & Souza", "en", "Silva and Souza"),
        ("Silva & Souza", "es-MX", "Silva y Souza"),
        ("a\x00b\x1b[31mc\u2028d", "en", "a b 31mc d"),
        ("ab\u202e\u200bcd", "en", "abcd"),
        ("Joa\u0303o", "pt-BR", "João"),
        ("twelve reais and one real", "en", "twelve ray-ice and one ray-al"),
        ("a real offer", "en", "a real offer"),
        ("doze reais", "pt-BR", "doze reais"),
        ("das 8h às 18h, sábado das 9h30 às 12h", "pt-BR",
         "das oito horas às dezoito horas, sábado das nove e trinta às doze horas"),
        ("às 0h05 ou 1h15 ou 25h", "pt-BR", "às zero e cinco ou uma e quinze ou 25h"),
        ("R$ 1.250,50 ou R$2", "pt-BR", "mil duzentos e cinquenta reais e cinquenta centavos ou dois reais"),
        ("8h", "en", "8h"),
        ("\ud800", "en", ""),
        ("-- ... --", "en", ""),
    ],
)  # fmt: skip
def test_a_text_is_made_fit_for_an_engine(text: str, lang: str, said: str) -> None:
    assert spoken_form(text, lang) == said


def test_a_long_text_ends_with_a_sentence() -> None:
    assert spoken_form("One more. " * 300, "en") == "One more. " * (MAX_CHARS // 10 - 1) + "One more."
    assert len(spoken_form("word " * 1000, "en")) <= MAX_CHARS
    assert len(spoken_form("x" * 100_000, "en")) == MAX_CHARS


@given(st.text(max_size=3000), st.sampled_from(["pt-BR", "en", "es", "fr"]))
def test_no_text_holds_markup_controls_or_a_second_line_and_cleaning_twice_changes_nothing(
    text: str, lang: str
) -> None:
    said = spoken_form(text, lang)
    assert len(said) <= MAX_CHARS
    assert not set(said) & set("[]{}<>|\\^~`_=&\n\r\t\x00\u2028\u2029")
    assert said == " ".join(said.split())
    said.encode("utf-8")


def test_ulaw_there_and_back_keeps_a_sample_within_its_step() -> None:
    for sample in range(-32_768, 32_768, 7):
        assert abs(tones.linear(tones.ulaw(sample)) - sample) <= (abs(sample) + 132) / 32 + 1 + 150 * (
            abs(sample) > 32_000
        )
    assert [tones.ulaw(0), tones.ulaw(32_767), tones.ulaw(-32_768)] == [0xFF, 0x80, 0x00]


def test_the_tones_are_heard_and_silence_is_not() -> None:
    assert tones.audible(tones.earcon())
    assert not tones.audible(tones.silence(5000))
    assert not tones.audible(b"")
    assert tones.audible(tones.silence(5000) + tones.earcon())
    assert 0.4 < len(tones.earcon()) / tones.RATE < 0.6
    assert max(abs(tones.linear(byte)) for byte in tones.earcon()) < 32_768 * 0.3


@pytest.mark.parametrize(("ms", "count"), [(0, 160), (-5, 160), (500, 4000), (10**9, 480_000)])
def test_silence_lasts_as_long_as_asked_within_reason(ms: int, count: int) -> None:
    assert len(tones.silence(ms)) == count


def test_no_tone_is_one_of_the_telephone_exchange() -> None:
    """Goertzel at the tones of busy and ringing: at least 20 dB below our own."""
    samples = [tones.linear(byte) for byte in tones.earcon()]
    ours = max(_power(samples, hertz) for hertz in (784, 587))
    assert all(_power(samples, hertz) < ours / 100 for hertz in (350, 425, 440, 480, 620, 1100, 2100))


def _power(samples: list[int], hertz: float) -> float:
    turn = 2 * math.cos(2 * math.pi * hertz / tones.RATE)
    one = two = 0.0
    for sample in samples:
        one, two = sample + turn * one - two, one
    return one * one + two * two - turn * one * two
