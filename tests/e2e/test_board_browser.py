"""The live board in a real browser, on the real line and a real Redis of its own that can be taken away."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import redis as redis_py
from house import House, busy_hours
from screens import application
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from waiting import until
from werkzeug.serving import BaseWSGIServer, make_server

from callback import board
from ivr.clock import Clock, ManualClock, ScaledClock, SystemClock
from ivr.config import Settings
from ivr.redis_server import find_binary

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
PATIENCE_S = 20
WIDTHS = (320, 360, 768, 1024, 1280, 1920)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("chromedriver"), reason="no chromedriver: apt-get install chromium-driver"),
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}", "--lang=en"):
        options.add_argument(flag)
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    yield driver
    driver.quit()


@dataclass
class Server:
    """A Redis of this test's own."""

    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def socket(self) -> Path:
        return self.folder / "r.sock"

    @classmethod
    def start(cls, folder: Path) -> Server:
        command = [find_binary(folder), "--port", "0", "--unixsocket", str(folder / "r.sock"), "--appendonly", "yes"]
        process = subprocess.Popen([*command, "--save", ""], cwd=folder, stdout=subprocess.DEVNULL)
        server = cls(folder, process)
        until(lambda: answers(server.client()), "Redis is up")
        return server

    def client(self) -> redis_py.Redis:
        return redis_py.Redis(unix_socket_path=str(self.socket), decode_responses=True)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)


def answers(client: redis_py.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis_py.RedisError:
        return False


@pytest.fixture
def server() -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="rt-"))  # not pytest's: a socket's path may have 107 bytes
    server = Server.start(folder)
    yield server
    server.process.kill()
    server.process.wait(10)
    shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Site:
    """The screens served on a free port."""

    house: House
    http: BaseWSGIServer

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_port}/"

    def fold(self) -> None:
        while board.project(self.house.redis, "retorno", ZoneInfo("America/Sao_Paulo")):
            pass


@pytest.fixture
def site_of(server: Server) -> Iterator[Callable[..., Site]]:
    running: list[Site] = []

    def make(clock: Clock | None = None, seeded: bool = True, settings: Settings | None = None) -> Site:
        client = server.client()
        before = House(client, ManualClock(SystemClock().now_ms() - 1_800_000))
        if seeded:
            before.staff()
            busy_hours(before, 0.5)
        house = House(client, clock or SystemClock(), settings or Settings(), ids=before.ids)
        site = Site(house, make_server("127.0.0.1", 0, application(house), threaded=True))
        threading.Thread(target=site.http.serve_forever, daemon=True).start()
        site.fold()
        running.append(site)
        return site

    yield make
    for site in running:
        site.http.shutdown()


def find(browser: webdriver.Chrome, css: str) -> WebElement:
    return browser.find_element(By.CSS_SELECTOR, css)


def text(browser: webdriver.Chrome, css: str) -> str:
    return str(browser.execute_script("return document.querySelector(arguments[0])?.innerText ?? ''", css))


def link(browser: webdriver.Chrome) -> str:
    return find(browser, "#link").get_attribute("data-state") or ""


def open_page(browser: webdriver.Chrome, site: Site, query: str = "lang=en") -> None:
    browser.get(site.url + "?" + query)


def seconds(shown: str) -> int:
    total = 0
    for part in shown.split(":"):
        total = total * 60 + int(part)
    return total


def test_a_call_appears_by_itself_and_its_time_ticks(browser: webdriver.Chrome, site_of: Callable[..., Site]) -> None:
    site = site_of(seeded=False)
    site.house.staff("gabriela")
    site.house.call_in("nurse")
    open_page(browser, site)
    assert text(browser, "#queue-nurse td:nth-child(2)") == "0"
    site.house.call_in("nurse")
    until(lambda: text(browser, "#queue-nurse td:nth-child(2)") == "1", "the call is shown")
    first = seconds(text(browser, "#queue-nurse .tick"))
    until(lambda: seconds(text(browser, "#queue-nurse .tick")) > first + 1, "its time ticks")
    assert link(browser) == "live"


def test_timers_run_at_the_speed_of_the_clock(browser: webdriver.Chrome, site_of: Callable[..., Site]) -> None:
    site = site_of(ScaledClock(SystemClock().now_ms(), 20), seeded=False)
    site.house.staff("gabriela")
    site.house.call_in("nurse")
    site.house.call_in("nurse")
    open_page(browser, site)
    script = "return [performance.now(), document.querySelector('#queue-nurse .tick').textContent]"
    began, first = browser.execute_script(script)
    until(lambda: seconds(text(browser, "#queue-nurse .tick")) >= seconds(first) + 60, "a minute of the clock")
    ended, last = browser.execute_script(script)
    assert (seconds(last) - seconds(first)) / ((ended - began) / 1000) == pytest.approx(20, rel=0.35)


def test_redis_that_goes_is_said_and_that_comes_back_is_shown(
    browser: webdriver.Chrome, site_of: Callable[..., Site], server: Server
) -> None:
    site = site_of(seeded=False)
    site.house.staff("gabriela")
    open_page(browser, site)
    until(lambda: link(browser) == "live", "live")
    server.stop()
    until(lambda: link(browser) == "down", "down is said")
    assert "Redis does not answer" in text(browser, "#sentence")
    assert "old" in (find(browser, "#live").get_attribute("class") or "")
    assert text(browser, "#queue-nurse .name") == "Nurse line"
    server.process = Server.start(server.folder).process
    until(lambda: link(browser) == "live", "live again")
    assert "old" not in (find(browser, "#live").get_attribute("class") or "")
    site.house.call_in("nurse")
    site.house.call_in("nurse")
    until(lambda: text(browser, "#queue-nurse td:nth-child(2)") == "1", "calls are shown again")


def test_a_server_that_hangs_is_said_after_ten_seconds_and_forgiven(
    browser: webdriver.Chrome, site_of: Callable[..., Site], server: Server
) -> None:
    site = site_of(seeded=False)
    open_page(browser, site)
    until(lambda: link(browser) == "live", "live")
    server.process.send_signal(signal.SIGSTOP)
    until(lambda: link(browser) == "stale", "silence is said")
    assert "old" in (find(browser, "#live").get_attribute("class") or "")
    assert "more than 10 seconds" in text(browser, "#link")
    server.process.send_signal(signal.SIGCONT)
    until(lambda: link(browser) == "live", "live again")


def test_when_no_stream_is_to_be_had_it_asks_again_and_again(
    browser: webdriver.Chrome, site_of: Callable[..., Site]
) -> None:
    site = site_of(seeded=False, settings=Settings(web_threads=2))  # one stream in all
    site.house.staff("gabriela")
    site.house.call_in("nurse")
    open_page(browser, site)
    until(lambda: link(browser) == "live", "the first has it")
    first = browser.current_window_handle
    browser.switch_to.new_window("tab")
    try:
        open_page(browser, site)
        until(lambda: link(browser) == "polling", "the second polls")
        site.house.call_in("nurse")
        until(lambda: text(browser, "#queue-nurse td:nth-child(2)") == "1", "the call is shown all the same")
        assert link(browser) == "polling"
    finally:
        browser.close()
        browser.switch_to.window(first)


def test_an_update_moves_rows_and_keeps_focus_and_what_is_open(
    browser: webdriver.Chrome, site_of: Callable[..., Site]
) -> None:
    site = site_of(seeded=False)
    site.house.staff("gabriela")
    site.house.call_in("nurse")
    (talk,) = site.house.answer_all()
    site.house.call_in("nurse")
    site.fold()
    open_page(browser, site)
    browser.execute_script(
        """
        document.querySelector("#history-table summary").click();
        document.querySelector("#history-table summary").focus();
        window.row = document.querySelector("#queue-nurse");
        """
    )
    assert order(browser) == ["queue-sales", "queue-billing", "queue-support", "queue-nurse"]
    site.house.line.pause("gabriela", "almoço")
    site.house.finish(talk)
    until(lambda: "crit" in (find(browser, "#queue-nurse").get_attribute("class") or ""), "nobody serves the caller")
    assert order(browser) == ["queue-nurse", "queue-sales", "queue-billing", "queue-support"]
    assert text(browser, "#sentence") == "1 queue needs attention: Nurse line (no agent)."
    assert browser.execute_script("return window.row === document.querySelector('#queue-nurse')")
    assert browser.execute_script("return document.querySelector('#history-table').open")
    assert browser.execute_script("return document.activeElement.matches('#history-table summary')")


MORPH = """
const [before, after, done] = arguments;
import("/static/board/morph.js").then(({ morph }) => {
  const box = document.createElement("div");
  document.body.append(box);
  box.innerHTML = before;
  const focused = box.querySelector("#f");
  focused.focus();
  const wanted = document.createElement("div");
  wanted.innerHTML = after;
  morph(box, wanted);
  const kept = document.activeElement === focused && box.querySelector("#f") === focused;
  const html = box.innerHTML;
  box.remove();
  done([kept, html]);
}, (error) => done([false, String(error)]));
"""
HAS_FOCUS = '<i id="s"><button id="f">b</button></i>'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (HAS_FOCUS, f"\n{HAS_FOCUS}\n"),
        (f"\n{HAS_FOCUS}", HAS_FOCUS),
        (f'<i id="a"></i>{HAS_FOCUS}<i id="b"></i>', f'{HAS_FOCUS}<i id="b">1</i><i id="a"></i>'),
        (f'<i id="a"></i><i id="b"></i>{HAS_FOCUS}', f'{HAS_FOCUS}<i id="b"></i>'),
        (f"<b>1</b><p>2</p>{HAS_FOCUS}<b>3</b>", f"<p>2</p><u>4</u>{HAS_FOCUS}<p>5</p>"),
        (f'{HAS_FOCUS}<i id="a"></i>', f'<i id="n"></i><i id="a"></i>{HAS_FOCUS}'),
    ],
    ids=["space before", "no space", "the others move", "one goes", "nameless ones", "to the end"],
)
def test_what_has_the_focus_keeps_it_wherever_it_stands(
    browser: webdriver.Chrome, site_of: Callable[..., Site], before: str, after: str
) -> None:
    open_page(browser, site_of(seeded=False))
    assert browser.execute_async_script(MORPH, before, after) == [True, after]


def order(browser: webdriver.Chrome) -> list[str]:
    return [row.get_attribute("id") or "" for row in browser.find_elements(By.CSS_SELECTOR, "tbody tr[id^=queue-]")]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_every_width_and_every_target_can_be_hit(
    browser: webdriver.Chrome, site_of: Callable[..., Site], theme: str
) -> None:
    site = site_of()
    open_page(browser, site, f"theme={theme}")
    for lang in ("pt-BR", "en", "es"):
        open_page(browser, site, f"lang={lang}")
        for width in WIDTHS:
            metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
            browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
            wide = browser.execute_script("return document.documentElement.scrollWidth")
            assert wide <= width, (lang, width)
            small = browser.execute_script(
                "return [...document.querySelectorAll('a:not(.skip), button, summary')].filter(e => {"
                "const r = e.getBoundingClientRect(); return r.width < 24 || r.height < 24 }).map(e => e.outerHTML)"
            )
            assert small == [], (lang, width)
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_the_browser_has_nothing_to_complain_of(browser: webdriver.Chrome, site_of: Callable[..., Site]) -> None:
    browser.get_log("browser")
    site = site_of()
    open_page(browser, site)
    until(lambda: link(browser) == "live", "live")
    site.house.call_in("nurse")
    until(lambda: browser.execute_script("return performance.getEntriesByType('resource').length > 2"), "loaded")
    assert [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []
