"""Renders the pages' templates, with the stylesheet of the report and the reader's rights."""

from __future__ import annotations

import operator
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import ChoiceLoader, FileSystemLoader, PackageLoader

from handpick.runtime.html import build_environment
from handpick.settings.load import load
from handpick.stages.report.summary import NightSummary
from recommendation_pages.theme import THEME_ELEMENT

MENU = (
    ("", "Today"),
    ("lists", "Lists"),
    ("models", "Models"),
    ("data", "Data"),
    ("versions", "Versions"),
    ("nights", "Reports"),
)
"""Addresses below the app, and their names."""
templates = build_environment(
    ChoiceLoader([FileSystemLoader(Path(__file__).parent), PackageLoader("handpick.stages.report", ".")])
)
templates.filters["percent"] = lambda value, digits=1: f"{100 * value:.{digits}f} %"
templates.filters["price"] = lambda value: f"{value:,.2f}"


def render(request: Request, name: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Render a template as a response.

    Args:
        request: The request; its root path is where the app is mounted.
        name: File name of the template.
        status: HTTP status.
        values: The template's values.
    """
    base = request.scope.get("root_path", "").rstrip("/")
    html = templates.get_template(name).render(
        shop=load().shop.name,
        currency=load().shop.currency,
        base=base,
        airflow=base.removesuffix("/handpick"),
        menu=MENU,
        theme=THEME_ELEMENT,
        here=request.url.path.removeprefix(base).strip("/").split("/")[0],
        **values,
    )
    return HTMLResponse(html, status)


def render_message(request: Request, message: str, status: int) -> HTMLResponse:
    """Render a page with one sentence."""
    return render(request, "message.html", status, message=message)


class PlotMemory:
    """Keeps the last plot of each name for as long as the nights that it was drawn from stay the same."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[list[NightSummary], Any]] = {}

    def draw(self, name: str, history: list[NightSummary], plot: Callable[[list[NightSummary]], Any]) -> Any:
        """Return a plot of nights, drawn anew if a night was added or changed.

        Args:
            name: Of the plot.
            history: The nights; a night that has not changed is the same object.
            plot: Draws it.
        """
        kept = self._kept.get(name)
        if kept is None or len(kept[0]) != len(history) or any(map(operator.is_not, kept[0], history)):
            kept = (history, plot(history))
            self._kept[name] = kept
        return kept[1]


plot_memory = PlotMemory()
"""The plots of this process."""
