"""The pages in a browser, light and dark, on a desktop and a phone: axe finds nothing, and nothing is cut off."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.plugins.conftest import DAY

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM = shutil.which("chromium")
PAGES = (
    "/",
    "/lists?q=p",
    "/lists?segment=all",
    "/models",
    "/data",
    f"/data/quarantine?day={DAY}&source=events",
    "/versions",
    "/nights",
    f"/nights/{DAY}/index.html",
)
SCREENS = {"desktop": (1200, "light"), "phone": (390, "dark")}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield opened
        opened.close()


@pytest.mark.parametrize("screen", list(SCREENS))
def test_axe_finds_nothing_and_no_page_is_wider_than_the_screen(
    browser: Browser, address: str, screen: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    width, scheme = SCREENS[screen]
    context = browser.new_context(
        color_scheme="dark" if scheme == "dark" else "light", viewport={"width": width, "height": 800}
    )
    page = context.new_page()
    papers = set()
    for place in PAGES:
        page.goto(f"{address}{place}")
        found = Axe().run(page).response["violations"]
        assert [(place, one["id"], one["nodes"][0]["html"][:200]) for one in found] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width, place
        papers.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert papers == {"rgb(255, 255, 255)" if scheme == "light" else "rgb(18, 22, 28)"}
    context.close()


def test_the_theme_is_airflows_and_follows_its_switch(browser: Browser, address: str) -> None:
    context = browser.new_context(color_scheme="light")
    page, airflow = context.new_page(), context.new_page()
    airflow.goto(f"{address}/nights")
    paper = "getComputedStyle(document.body).backgroundColor"
    for place in ("/", f"/nights/{DAY}/index.html"):
        airflow.evaluate("localStorage.setItem('theme', 'dark')")
        page.goto(f"{address}{place}")
        assert page.evaluate(paper) == "rgb(18, 22, 28)"
        airflow.evaluate("localStorage.setItem('theme', 'light')")
        page.wait_for_selector("html[data-theme=light]", state="attached")
        assert page.evaluate(paper) == "rgb(255, 255, 255)"
    airflow.evaluate("localStorage.setItem('theme', 'system')")
    page.emulate_media(color_scheme="dark")
    page.wait_for_selector("html[data-theme=dark]", state="attached")
    assert page.evaluate(paper) == "rgb(18, 22, 28)"
    context.close()


def test_the_pages_are_used_by_keyboard_alone(browser: Browser, address: str) -> None:
    page = browser.new_page()
    page.goto(f"{address}/lists")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "To the content"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") == "q"
    page.keyboard.type("no phone is called so")
    page.keyboard.press("Enter")
    page.wait_for_url("**/lists?q=no+phone**")
    assert page.get_by_text("No phone is called so.").is_visible()
    page.close()
