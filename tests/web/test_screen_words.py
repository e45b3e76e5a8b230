"""The words of the screens: every language complete, plural forms right, nothing worded elsewhere."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

import dashboards
from callback.model import AgentState
from dashboards.board.attention import Level, Reason
from dashboards.board.page import COLUMNS, DEFINED
from dashboards.i18n import LANGUAGES, choose, duration, words

ROOT = Path(dashboards.__file__).parent
SOURCES = [*ROOT.rglob("*.py"), *ROOT.rglob("*.html")]
# Keys that the code builds: their family, and every member it can ask for.
BUILT = {
    "level.": {str(level) for level in Level},
    "reason.": {str(reason) for reason in Reason},
    "agent.": {str(state) for state in AgentState},
    "queues.": {*COLUMNS, "queue"},
    "define.": {"longest", "estimate", "due", "late"},
    "history.": {"arrivals", "answered", "abandoned"},
    "link.": {"live", "polling", "stale", "down"},
    "theme.": {"auto", "light", "dark"},
    "pause.": {"no_answer", "phone", "phone_in_use", "phone_gone", "lunch", "break", "training", "meeting"},
}


def fields(entry: str | dict[str, str]) -> set[str]:
    texts = entry.values() if isinstance(entry, dict) else [entry]
    return {name for text in texts for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_language_has_every_word_with_the_same_values_in_it(lang: str) -> None:
    ours, reference = words(lang).entries, words("en").entries
    assert list(ours) == list(reference)
    for key, entry in ours.items():
        assert fields(entry) == fields(reference[key]), key
        assert isinstance(entry, dict) == isinstance(reference[key], dict), key
        if isinstance(entry, dict):
            assert {"one", "other"} <= set(entry), key


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_word_is_empty(lang: str) -> None:
    for key, entry in words(lang).entries.items():
        assert all(text.strip() for text in (entry.values() if isinstance(entry, dict) else [entry])), key


def test_the_code_asks_only_for_words_that_exist_and_for_all_of_them() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
    asked = set(re.findall(r"""\b(?:words|said)\(\s*["']([^"'{]+)["']\s*[,)]""", text))
    asked |= set(DEFINED.values()) | {f"queues.card.{name}" for name in COLUMNS[6:]}
    asked |= {family + name for family, names in BUILT.items() for name in names}
    assert asked == set(words("en").entries)


def test_templates_hold_no_words_of_their_own() -> None:
    for path in ROOT.rglob("*.html"):
        text = re.sub(r"{#.*?#}|{%.*?%}|{{.*?}}", "", path.read_text(encoding="utf-8"), flags=re.S)
        text = re.sub(r"<[^>]*>", "", text)
        assert re.findall(r"[^\W\d_]{2,}", text) == [], path.name


@pytest.mark.parametrize(
    ("lang", "count", "expected"),
    [
        ("pt-BR", 1, "1 fila precisa de atenção: x."),
        ("pt-BR", 2, "2 filas precisam de atenção: x."),
        ("en", 1, "1 queue needs attention: x."),
        ("en", 2, "2 queues need attention: x."),
        ("es", 1, "1 cola necesita atención: x."),
        ("es", 2_000_000, "2.000.000 colas necesitan atención: x."),
    ],
)
def test_plural_forms(lang: str, count: int, expected: str) -> None:
    assert words(lang)("sentence.attention", count, list="x") == expected


def test_a_word_that_needs_a_number_says_so() -> None:
    with pytest.raises(KeyError, match="count="):
        words("en")("sentence.attention", list="x")


@pytest.mark.parametrize(
    ("wanted", "accepted", "expected"),
    [
        ("", [], "pt-BR"),
        ("", ["de", "fr"], "pt-BR"),
        ("", ["pt-PT"], "pt-BR"),
        ("", ["es-MX", "en"], "es"),
        ("", ["de", "EN-gb"], "en"),
        ("en", ["es"], "en"),
        ("xx", ["es"], "es"),
    ],
)
def test_the_language_is_the_one_chosen_else_the_browsers_else_portuguese(
    wanted: str, accepted: list[str], expected: str
) -> None:
    assert choose(wanted, accepted) == expected


@pytest.mark.parametrize(
    ("ms", "text"),
    [(0, "0:00"), (7_999, "0:07"), (252_000, "4:12"), (3_750_000, "1:02:30"), (-500, "0:00")],
)
def test_durations(ms: int, text: str) -> None:
    assert duration(ms) == text
