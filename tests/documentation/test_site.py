"""The documentation opens from disk: links name files, search finds, pictures load, nothing asks the network."""

from __future__ import annotations

import os
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config
from playwright.sync_api import expect, sync_playwright

from scripts.draw_night import PICTURE, draw_night

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium")


class PageParser(HTMLParser):
    """Collects what a page links to or loads, and the places in it that can be linked to."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.addresses.append(value)
            if name == "id" and value:
                self.anchors.add(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, as `make docs` builds it, but for the reference from docstrings, which takes longest."""
    folder = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "NO_MKDOCS_2_WARNING", "1")
        built = load_config(str(ROOT / "mkdocs.yml"))
        plugins = [name for name in built.plugins if "mkdocstrings" not in name and "autorefs" not in name]
        config = load_config(str(ROOT / "mkdocs.yml"), site_dir=str(folder), plugins=plugins)
        build(config)
    return folder


def test_every_link_names_a_file_and_a_place_in_it_that_exist(site: Path) -> None:
    pages = {}
    for file in site.rglob("*.html"):
        pages[file] = PageParser()
        pages[file].feed(file.read_text(encoding="utf-8"))
    assert len(pages) > 60
    missing = []
    for file, page in pages.items():
        if file.name == "404.html":  # is for servers; its links begin at their root
            continue
        for address in page.addresses:
            parts = urlsplit(address)
            if parts.scheme in ("http", "https", "mailto"):
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            if not target.is_file() or (
                parts.fragment and target in pages and parts.fragment not in pages[target].anchors
            ):
                missing.append(f"{file.relative_to(site)}: {address}")
    assert missing == []


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_pages_from_disk_are_searched_and_show_pictures_without_asking_the_network(site: Path) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_context(offline=True).new_page()
        asked: list[str] = []
        errors: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto((site / "index.html").as_uri())
        found = page.locator(".md-search-result__link:visible").filter(has_text="quarantine").first
        # What is typed before the theme's script has started is not searched for: typed until it is.
        for _ in range(12):
            page.get_by_placeholder("Search").fill("")
            page.get_by_placeholder("Search").press_sequentially("quarantine release")
            try:
                expect(found).to_be_visible(timeout=5_000)
                break
            except AssertionError:
                continue
        expect(found).to_be_visible()
        found.click()
        expect(page).to_have_url(re.compile(r"file://.*\.html"))
        for name in ("web-app", "architecture"):
            page.goto((site / f"{name}.html").as_uri())
            pictures = page.locator("article img")
            assert pictures.count() > 0
            for number in range(pictures.count()):
                assert pictures.nth(number).evaluate("image => image.naturalWidth") > 0
        browser.close()
    assert [url for url in asked if not url.startswith("file:")] == []
    assert errors == []


def test_no_page_has_a_diagram_that_the_theme_would_draw_with_a_script_from_elsewhere() -> None:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    assert [page.name for page in pages if "```mermaid" in page.read_text(encoding="utf-8")] == []


def test_the_picture_of_a_night_shows_the_stages_that_are_registered() -> None:
    assert PICTURE.read_text(encoding="utf-8") == draw_night()
