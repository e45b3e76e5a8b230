"""The page as the server paints it: three languages, two themes, and the states in which there is nothing to show."""

from __future__ import annotations

import json
import re
from zoneinfo import ZoneInfo

import pytest
import redis as redis_py
from flask.testing import FlaskClient
from house import House, busy_hours
from screens import application, local_client

from callback import board
from dashboards.i18n import LANGUAGES, words
from ivr.clock import ManualClock, ScaledClock
from ivr.ports import Node

TITLES = {"pt-BR": "Painel ao vivo", "en": "Live board", "es": "Panel en vivo"}


def fold(house: House) -> None:
    while board.project(house.redis, "retorno", ZoneInfo("America/Sao_Paulo")):
        pass


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html))


def test_the_first_paint_has_the_figures(client: FlaskClient, house: House, clock: ManualClock) -> None:
    house.staff("gabriela", "bruno")
    house.call_in("nurse")
    house.answer_all()
    house.call_in("nurse")
    house.line.pause("bruno", "almoço")
    clock.advance(75_000)
    fold(house)
    answer = client.get("/", headers={"Accept-Language": "pt-BR"})
    assert answer.status_code == 200
    row = re.search(r'<tr id="queue-nurse".*?</tr>', answer.text, re.S)
    assert row is not None
    assert f'data-since="{clock.now_ms() - 75_000}">1:15<' in row[0]
    assert "Enfermagem Atenção · espera acima da meta 1 1:15 meta 1:00" in text_of(row[0])
    assert "100% meta 80% em 1:00" in text_of(row[0])
    assert "Gabriela Moraes 1:15" in text_of(answer.text)
    assert "Bruno Lima almoço 1:15" in text_of(answer.text)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_each_language(client: FlaskClient, house: House, lang: str) -> None:
    house.staff()
    busy_hours(house, 0.2)
    fold(house)
    page = client.get("/", headers={"Accept-Language": lang}).text
    assert f'<html lang="{lang}"' in page
    assert f"<h1>{TITLES[lang]}</h1>" in page
    assert words(lang)("queues.service") in page
    assert house.queues["nurse"].title[lang] in page


def test_a_choice_is_remembered_and_leaves_the_address(client: FlaskClient) -> None:
    chosen = client.get("/?lang=es")
    assert (chosen.status_code, chosen.location) == (303, "/")
    assert "HttpOnly" in chosen.headers["Set-Cookie"]
    assert client.get("/?theme=dark").status_code == 303
    page = client.get("/", headers={"Accept-Language": "en"}).text
    assert '<html lang="es" data-theme="dark">' in page
    assert len(re.findall('aria-current="true"', page)) == 2


@pytest.mark.parametrize("query", ["lang=xx", "theme=%3Cscript%3E", "lang=en%0d%0aX:1"])
def test_a_choice_that_we_do_not_have_is_not_kept(client: FlaskClient, query: str) -> None:
    answer = client.get(f"/?{query}")
    assert (answer.status_code, answer.headers.get("Set-Cookie")) == (303, None)


def test_a_cookie_that_we_did_not_set_does_no_harm(client: FlaskClient) -> None:
    client.set_cookie("theme", '"><script>', domain="127.0.0.1")
    client.set_cookie("lang", "../../etc", domain="127.0.0.1")
    page = client.get("/").text
    assert '<html lang="pt-BR" data-theme="auto">' in page


def test_what_people_are_called_is_not_markup(client: FlaskClient, house: House) -> None:
    house.line.add_agent("eve", "<img src=x onerror=alert(1)>", "sim:eve", ("sales",))
    house.line.sign_in("eve")
    house.line.pause("eve", "<b>")
    page = client.get("/").text
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert "<small>&lt;b&gt;</small>" in page


def test_nothing_is_inline_and_nothing_comes_from_elsewhere(client: FlaskClient, house: House) -> None:
    house.staff()
    busy_hours(house, 0.1)
    fold(house)
    page = client.get("/").text
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|javascript:", page)
    for url in re.findall(r'(?:src|href)="([^"]+)"', page):
        assert url[0] in "/?#", url
        assert client.get("/" + url.split("#")[0].lstrip("/")).status_code in (200, 303), url


def test_without_queues_and_agents_it_says_what_to_do(redis: redis_py.Redis, clock: ManualClock) -> None:
    client = local_client(application(House(redis, clock, queues={})))
    text = text_of(client.get("/", headers={"Accept-Language": "en"}).text)
    assert "flows/queues.yaml" in text
    assert "retorno agent add" in text
    assert "There is no queue to show yet." in text
    assert "No call in the last two hours." in text


def test_without_redis_the_page_comes_and_says_so(dead_redis: redis_py.Redis, clock: ManualClock) -> None:
    client = local_client(application(House(dead_redis, clock)))
    answer = client.get("/", headers={"Accept-Language": "en"})
    assert answer.status_code == 503
    assert "No data: Redis does not answer." in answer.text
    assert 'id="link" data-state="down"' in answer.text
    assert client.get("/now").json["down"] is True


def test_the_sentence_names_the_worst_and_holds_no_figure_that_moves(house: House, clock: ManualClock) -> None:
    def said() -> str:
        client = local_client(application(house))  # a new feed: nothing is remembered of the last sentence
        return str(client.get("/now", headers={"Accept-Language": "en"}).json["sentence"])

    house.staff()
    assert said() == "All is well: no queue needs attention."
    for queue in house.queues:
        for _ in range(6):
            house.call_in(queue)
    clock.advance(30_000)
    assert said() == "Nothing critical. To be watched: Sales; Billing; Technical support."
    clock.advance(300_000)
    worst = (
        "4 queues need attention: Sales (long wait); Billing (long wait); Technical support (long wait); and 1 more."
    )
    assert said() == worst
    clock.advance(1_000)
    assert said() == worst


def test_timers_do_not_make_an_update(redis: redis_py.Redis, house: House, clock: ManualClock) -> None:
    """Time that passes is the browser's to show: what the server sends changes only when the line does."""
    house.staff("gabriela")
    house.call_in("nurse")
    house.call_in("nurse")
    client = local_client(application(house))
    answer = client.get("/stream")
    stream = answer.iter_encoded()
    assert next(stream).startswith(b"retry")
    shown = json.loads(next(stream).split(b"data: ")[1])
    assert shown["at_ms"] == clock.now_ms()
    assert 'id="queue-nurse"' in shown["html"]
    frame = next(stream)
    while b"event: board" in frame:
        frame = next(stream)
    answer.close()
    assert b"event: beat" in frame


def test_the_demos_clock_ticks_in_its_own_time(redis: redis_py.Redis) -> None:
    client = local_client(application(House(redis, ScaledClock(1_773_147_600_000, 10))))
    page = client.get("/", headers={"Accept-Language": "en"}).text
    assert 'data-speed="10"' in page
    assert "the clock runs 10 times as fast" in page


def test_static_files_are_kept_for_a_year_by_their_content(client: FlaskClient) -> None:
    page = client.get("/").text
    url = re.search(r"/static/board/board\.css\?v=\w+", page)
    assert url is not None
    assert "immutable" in client.get(url[0]).headers["Cache-Control"]
    assert "immutable" not in client.get("/static/board/board.css").headers["Cache-Control"]


@pytest.mark.parametrize(
    ("lang", "silent", "said"),
    [
        ("en", 1, "Node node1 does not answer: its callers reach nobody."),
        ("en", 2, "Nodes node1, node2 do not answer: their callers reach nobody."),
        ("pt-BR", 1, "A central node1 não responde: quem liga por ela não é atendido."),
        ("pt-BR", 2, "As centrais node1, node2 não respondem: quem liga por elas não é atendido."),
        ("es", 1, "La central node1 no responde: quien llama por ella no es atendido."),
        ("es", 2, "Las centrales node1, node2 no responden: quien llama por ellas no es atendido."),
    ],
)
def test_a_node_that_does_not_answer_is_named_before_the_queues(
    house: House, clock: ManualClock, lang: str, silent: int, said: str
) -> None:
    house.provider.nodes = lambda: (Node("node1", False), Node("node2", silent < 2))  # type: ignore[method-assign]
    client = local_client(application(house))
    house.staff()
    assert client.get("/now", headers={"Accept-Language": lang}).json["sentence"] == said
    assert 'class="sentence alarm"' in client.get("/").text
    for _ in range(6):
        house.call_in("nurse")
    clock.advance(400_000)
    client = local_client(application(house))  # a new feed
    needs = words(lang)("sentence.attention", 1, list="")[:12]
    assert client.get("/now", headers={"Accept-Language": lang}).json["sentence"].startswith(f"{said} {needs}")
