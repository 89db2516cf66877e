"""The Recommendations pages of Airflow's web UI: their security, and the reports of nights.

Only signed-in users see them. They stand on Airflow's own origin, so text of a supplier or a customer must
not act there: templates escape it, and the content security policy of every response allows no script but
the one that follows Airflow's theme. dbt's documentation, which needs scripts, is put into a sandbox without
an origin. Changes are forms with a token (`access.py`), need a right of their own, and are recorded.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import Literal

from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from markupsafe import escape
from starlette.exceptions import HTTPException

from handpick.errors import DamagedData, HandpickError
from handpick.errors.safe_text import make_showable
from handpick.settings.load import load
from recommendation_pages import data, front, lists, models, versions
from recommendation_pages.rendering import render, render_message
from recommendation_pages.theme import PAGE_POLICY, add_theme

pages = FastAPI(
    title="Handpick recommendations",
    docs_url=None,
    redoc_url=None,
    openapi_url=None,
    # Airflow does not protect the pages of plugins: they have to check the user's rights themselves.
    dependencies=[Depends(requires_access_dag("GET"))],
)
SHOWN_NIGHTS = 60
"""Nights on one page of the list of reports."""
SERVED_SUFFIXES = {".html", ".css", ".js", ".png", ".svg"}
"""Files of a stage's pages that a browser needs; no other file in their folder is served."""
SCRIPT_POLICY = (
    "sandbox allow-scripts allow-popups; default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data:; font-src data:; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'self'"
)
"""Policy of pages with scripts: the sandbox gives them an origin that is nobody else's, so they have neither
Airflow's cookies nor its API. They load nothing."""
SCRIPTED_PAGES = {"warehouse_docs"}
"""Pages of stages that need scripts: dbt's documentation, which is made of the project and not of rows."""
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    # The pages hold personal data.
    "Cache-Control": "no-store",
}


@pages.middleware("http")
async def add_security_headers(
    request: Request, call_next: Callable[[Request], Awaitable[Response]]
) -> Response:
    """Add the security headers to every response; a page's own policy stays."""
    return _secure(await call_next(request))


def _secure(response: Response) -> Response:
    """Add the security headers to a response."""
    response.headers.setdefault("Content-Security-Policy", PAGE_POLICY)
    for name, value in HEADERS.items():
        response.headers[name] = value
    return response


@pages.exception_handler(RequestValidationError)
async def explain_parameters(request: Request, error: RequestValidationError) -> HTMLResponse:
    """Answer a request with unusable parameters: 404 if there is no such address, 400 for a bad value."""
    wrong = [problem["loc"] for problem in error.errors()]
    if any(place[0] == "path" for place in wrong):
        return render_message(request, "There is no such page.", 404)
    names = ", ".join(str(place[-1]) for place in wrong)
    return render_message(request, f"{names} has no usable value.", 400)


@pages.exception_handler(HTTPException)
async def explain_refusal(request: Request, error: HTTPException) -> HTMLResponse:
    """Answer a request that is refused, such as of somebody who has not signed in, in plain words."""
    found = render_message(request, str(error.detail), error.status_code)
    found.headers.update(error.headers or {})
    return found


@pages.exception_handler(HandpickError)
async def explain_error(request: Request, error: HandpickError) -> HTMLResponse:
    """Answer a request that cannot be met with the error's own words."""
    status = 500 if isinstance(error, DamagedData) else 400
    return render_message(request, f"{str(error)[:1].upper()}{str(error)[1:]}", status)


@pages.exception_handler(Exception)
async def explain_failure(request: Request, error: Exception) -> Response:
    """Answer a request that failed for a reason nobody foresaw; the log of the API server has the reason."""
    logging.getLogger(__name__).error("The page %s failed.", make_showable(request.url.path), exc_info=error)
    # Outside of the middleware, so the headers are added here.
    return _secure(render_message(request, "The page failed; Airflow's API server has logged why.", 500))


for part in (front, lists, models, data, versions):
    pages.include_router(part.router)


@pages.get("/nights", response_class=HTMLResponse)
def list_reports(request: Request, until: date | None = None) -> HTMLResponse:
    """List the reports of the nights, newest first."""
    from handpick.stages.report.summary import read_history

    nights = read_history(load(), until, SHOWN_NIGHTS + 1)[::-1]
    earlier = nights[SHOWN_NIGHTS].date if len(nights) > SHOWN_NIGHTS else None
    return render(request, "nights.html", nights=nights[:SHOWN_NIGHTS], earlier=earlier)


@pages.get("/nights/{day}")
def redirect_to_report(day: date) -> RedirectResponse:
    """Redirect to the report's file name, against which its relative links resolve."""
    return RedirectResponse(f"{day}/index.html")


@pages.get("/nights/{day}/{name}", response_class=HTMLResponse)
def show_report_page(
    request: Request, day: date, name: Literal["index.html", "model_card.html"]
) -> HTMLResponse:
    """Show one page of a night's report."""
    from handpick.night import Night
    from handpick.stages.report import find_stage_pages

    night = Night(load(), day)
    file = night.lake.partition("report", day) / name
    if not file.is_file():
        return render_message(request, f"There is no {name.removesuffix('.html')} for {day}.", 404)
    html = file.read_text(encoding="utf-8")
    for built, first in find_stage_pages(night.results()).items():
        # Browsers do not follow `file:` links from a page that was served over HTTP.
        html = html.replace(escape(first.as_uri()), f"pages/{built}/{first.name}")
    return HTMLResponse(add_theme(html))


@pages.get("/nights/{day}/pages/{built}/{path:path}")
def show_stage_page(request: Request, day: date, built: str, path: str) -> Response:
    """Serve a file of the pages that a stage built: the Data Docs, dbt's documentation."""
    from handpick.night import Night
    from handpick.stages.report import find_stage_pages

    first = find_stage_pages(Night(load(), day).results()).get(built)
    file = None if first is None else _find_served_file(first.parent, path)
    if file is None:
        return render_message(request, f"There is no such page for {day}.", 404)
    if built in SCRIPTED_PAGES:
        return FileResponse(file, headers={"Content-Security-Policy": SCRIPT_POLICY})
    if file.suffix == ".html":
        return HTMLResponse(add_theme(file.read_text(encoding="utf-8")))
    return FileResponse(file)


def _find_served_file(folder: Path, path: str) -> Path | None:
    """Return the file of a path below a folder if it may be served, else None."""
    try:
        # Resolved before it is checked, so that neither `..` nor a link leads out of the folder.
        file = (folder / path).resolve()
        is_served = file.is_relative_to(folder) and file.suffix in SERVED_SUFFIXES and file.is_file()
    except (OSError, ValueError):  # a name that is too long, or holds NUL
        return None
    return file if is_served else None
