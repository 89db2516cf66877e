"""The Recommendations pages of Airflow's web UI: nights, list versions, and any user's list.

Only signed-in users see them. They stand on Airflow's own origin, so text of a supplier or a customer must
not act there: templates escape it, and the content security policy of every response allows no script. dbt's
documentation, which needs scripts, is put into a sandbox without an origin.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, LiteralString

from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from jinja2 import FileSystemLoader
from markupsafe import escape
from starlette.exceptions import HTTPException

from handpick.errors import HandpickError
from handpick.errors.safe_text import make_showable
from handpick.runtime.html import build_environment
from handpick.settings.load import load

pages = FastAPI(
    title="Handpick recommendations",
    docs_url=None,
    redoc_url=None,
    openapi_url=None,
    # Airflow does not protect the pages of plugins: they have to check the user's rights themselves.
    dependencies=[Depends(requires_access_dag("GET"))],
)
templates = build_environment(FileSystemLoader(Path(__file__).parent))
SERVED_SUFFIXES = {".html", ".css", ".js", ".png", ".svg"}
"""Files of a stage's pages that a browser needs; no other file in their folder is served."""
PAGE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'self'"
)
"""Content security policy of all pages: no script, from nowhere; only Airflow's own pages may frame them."""
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
async def explain_parameters(request: Request, error: RequestValidationError) -> HTMLResponse:  # noqa: ARG001
    """Answer a request with unusable parameters: 404 if there is no such address, 400 for a bad value."""
    wrong = [problem["loc"] for problem in error.errors()]
    if any(place[0] == "path" for place in wrong):
        return render_response("message.html", message="There is no such page.", status=404)
    names = ", ".join(str(place[-1]) for place in wrong)
    return render_response("message.html", message=f"{names} has no usable value.", status=400)


@pages.exception_handler(HTTPException)
async def explain_refusal(request: Request, error: HTTPException) -> HTMLResponse:  # noqa: ARG001
    """Answer a request that is refused, such as of somebody who has not signed in, in plain words."""
    found = render_response("message.html", message=str(error.detail), status=error.status_code)
    found.headers.update(error.headers or {})
    return found


@pages.exception_handler(Exception)
async def explain_failure(request: Request, error: Exception) -> Response:
    """Answer a request that failed for a reason nobody foresaw; the log of the API server has the reason."""
    logging.getLogger(__name__).error("The page %s failed.", make_showable(request.url.path), exc_info=error)
    # Outside of the middleware, so the headers are added here.
    return _secure(
        render_response(
            "message.html", message="The page failed; Airflow's API server has logged why.", status=500
        )
    )


def query_rows(query: LiteralString, *parameters: Any) -> tuple[list[dict[str, Any]], str | None]:
    """Run a query on the serving database in the reader role.

    Args:
        query: SQL with `{schema}` for the serving schema.
        parameters: Values of its placeholders.

    Returns:
        The rows, and the error to show if the database could not be read. Before the first publish there is
        neither schema nor reader role: then there are no rows and no error.
    """
    import psycopg
    from psycopg.rows import dict_row

    from handpick.serving.connection import connect
    from handpick.serving.statements import compose_statement

    settings = load()
    composed = compose_statement(query, schema=settings.serving.schema_name)
    try:
        with connect(settings, reader=True) as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(composed, parameters).fetchall(), None
    except psycopg.errors.UndefinedTable:
        return [], None
    except psycopg.Error as error:
        return [], f"The database refused: {error.diag.message_primary or type(error).__name__}."
    except HandpickError as error:
        is_first = f'role "{settings.serving.reader_role}" does not exist' in str(error)
        return [], None if is_first else str(error)


def render_response(name: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Render a template as a response with a status."""
    return HTMLResponse(templates.get_template(name).render(shop=load().shop.name, **values), status)


@pages.get("/", response_class=HTMLResponse)
def show_overview() -> HTMLResponse:
    """Show list versions and nights, newest first."""
    from handpick.lake.partitions import PARTITION_PREFIX, parse_partition_date
    from handpick.night import LEDGER_FOLDER

    settings = load()
    versions, problem = query_rows(
        "select v.version, v.logical_date, v.version = c.version as is_current, v.status, v.user_count, "
        "v.recommendation_count, v.model, v.published_at, to_jsonb(v) ->> 'is_demo' as is_demo "
        "from {schema}.list_versions v left join {schema}.current_version c on true "
        "order by v.version desc limit 30"
    )
    ledger = settings.path(settings.lake.root) / LEDGER_FOLDER
    nights = []
    for folder in ledger.glob(f"{PARTITION_PREFIX}*"):
        with suppress(HandpickError):  # a copy of a night's folder is no night
            nights.append(parse_partition_date(folder).isoformat())
    newest = sorted(nights, reverse=True)[:30]
    return render_response("overview.html", versions=versions, nights=newest, problem=problem)


@pages.get("/nights/{day}")
def redirect_to_report(day: date) -> RedirectResponse:
    """Redirect to the report's file name, against which its relative links resolve."""
    return RedirectResponse(f"{day}/index.html")


@pages.get("/nights/{day}/{name}", response_class=HTMLResponse)
def show_report_page(day: date, name: Literal["index.html", "model_card.html"]) -> HTMLResponse:
    """Show one page of a night's report."""
    from handpick.night import Night
    from handpick.stages.report import find_stage_pages

    night = Night(load(), day)
    file = night.lake.partition("report", day) / name
    if not file.is_file():
        missing = f"There is no {name.removesuffix('.html')} for {day}."
        return render_response("message.html", message=missing, status=404)
    html = file.read_text(encoding="utf-8")
    for built, first in find_stage_pages(night.results()).items():
        # Browsers do not follow `file:` links from a page that was served over HTTP.
        html = html.replace(escape(first.as_uri()), f"pages/{built}/{first.name}")
    return HTMLResponse(html)


@pages.get("/nights/{day}/pages/{built}/{path:path}")
def show_stage_page(day: date, built: str, path: str) -> Response:
    """Serve a file of the pages that a stage built: the Data Docs, dbt's documentation."""
    from handpick.night import Night
    from handpick.stages.report import find_stage_pages

    first = find_stage_pages(Night(load(), day).results()).get(built)
    file = None if first is None else _find_served_file(first.parent, path)
    if file is None:
        return render_response("message.html", message=f"There is no such page for {day}.", status=404)
    policy = SCRIPT_POLICY if built in SCRIPTED_PAGES else PAGE_POLICY
    return FileResponse(file, headers={"Content-Security-Policy": policy})


def _find_served_file(folder: Path, path: str) -> Path | None:
    """Return the file of a path below a folder if it may be served, else None."""
    try:
        # Resolved before it is checked, so that neither `..` nor a link leads out of the folder.
        file = (folder / path).resolve()
        is_served = file.is_relative_to(folder) and file.suffix in SERVED_SUFFIXES and file.is_file()
    except (OSError, ValueError):  # a name that is too long, or holds NUL
        return None
    return file if is_served else None


@pages.get("/lists", response_class=HTMLResponse)
def show_lists(user_id: Annotated[str, Query(max_length=200)] = "") -> HTMLResponse:
    """Show the current list of one user, or of the first user; suggest ids from there on."""
    if "\0" in user_id:
        # PostgreSQL's texts cannot hold it, so no user is called so.
        return render_response("message.html", message="A user id has no NUL character.", status=400)
    users, problem = query_rows(
        "select distinct user_id from {schema}.recommendations where user_id >= %s order by user_id limit 20",
        user_id,
    )
    if not user_id and users:
        user_id = users[0]["user_id"]
    found, _ = query_rows(
        "select r.*, i.title, i.price from {schema}.recommendations r left join {schema}.items i using "
        "(item_id) where r.user_id = %s order by r.rank",
        user_id,
    )
    return render_response("lists.html", user_id=user_id, rows=found, users=users, problem=problem)
