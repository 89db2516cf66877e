"""Renders the pages' templates, with the stylesheet of the report and the reader's rights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import ChoiceLoader, FileSystemLoader, PackageLoader

from handpick.runtime.html import build_environment
from handpick.settings.load import load

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
        here=request.url.path.removeprefix(base).strip("/").split("/")[0],
        **values,
    )
    return HTMLResponse(html, status)


def render_message(request: Request, message: str, status: int) -> HTMLResponse:
    """Render a page with one sentence."""
    return render(request, "message.html", status, message=message)
