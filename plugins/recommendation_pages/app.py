"""The Recommendations pages of Airflow's web UI: nights, list versions, and any user's list.

Only signed-in users see them.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, LiteralString

from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import Depends, FastAPI, Query
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, select_autoescape

from handpick.errors import HandpickError
from handpick.settings.load import load

pages = FastAPI(
    title="Handpick recommendations",
    docs_url=None,
    redoc_url=None,
    openapi_url=None,
    # Airflow does not protect the pages of plugins: they have to check the user's rights themselves.
    dependencies=[Depends(requires_access_dag("GET"))],
)
templates = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=select_autoescape())
SERVED_SUFFIXES = {".html", ".css", ".js", ".png", ".svg"}
"""Files of a stage's pages that a browser needs; no other file in their folder is served."""


def query_rows(query: LiteralString, *parameters: Any) -> tuple[list[dict[str, Any]], str | None]:
    """Run a query on the serving database in the reader role.

    Args:
        query: SQL with `{schema}` for the serving schema.
        parameters: Values of its placeholders.

    Returns:
        The rows, and the error to show if the database could not be read. Before the first publish there is
        neither schema nor reader role: then there are no rows and no error.
    """
    from psycopg import errors
    from psycopg.rows import dict_row

    from handpick.serving.connection import connect
    from handpick.serving.schema import compose_statement

    settings = load()
    composed = compose_statement(query, schema=settings.serving.schema_name)
    try:
        with connect(settings, reader=True) as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(composed, parameters).fetchall(), None
    except errors.UndefinedTable:
        return [], None
    except HandpickError as error:
        is_first = f'role "{settings.serving.reader_role}" does not exist' in str(error)
        return [], None if is_first else str(error)


def render_response(name: str, **values: Any) -> HTMLResponse:
    """Render a template as a response."""
    return HTMLResponse(templates.get_template(name).render(shop=load().shop.name, **values))


@pages.get("/", response_class=HTMLResponse)
def show_overview() -> HTMLResponse:
    """Show list versions and nights, newest first."""
    settings = load()
    versions, problem = query_rows(
        "select v.version, v.logical_date, v.version = c.version as is_current, v.status, v.user_count, "
        "v.recommendation_count, v.model, v.published_at, to_jsonb(v) ->> 'is_demo' as is_demo "
        "from {schema}.list_versions v left join {schema}.current_version c on true "
        "order by v.version desc limit 30"
    )
    ledger = settings.path(settings.lake.root) / "ledger"
    nights = sorted((folder.name[13:] for folder in ledger.glob("logical_date=*")), reverse=True)
    return render_response("overview.html", versions=versions, nights=nights[:30], problem=problem)


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
        return render_response("message.html", message=f"There is no {name.removesuffix('.html')} for {day}.")
    html = file.read_text(encoding="utf-8")
    for built, first in find_stage_pages(night.results()).items():
        # Browsers do not follow `file:` links from a page that was served over HTTP.
        html = html.replace(first.as_uri(), f"pages/{built}/{first.name}")
    return HTMLResponse(html)


@pages.get("/nights/{day}/pages/{built}/{path:path}")
def show_stage_page(day: date, built: str, path: str) -> Response:
    """Serve a file of the pages that a stage built: Great Expectations' Data Docs, dbt's documentation."""
    from handpick.night import Night
    from handpick.stages.report import find_stage_pages

    first = find_stage_pages(Night(load(), day).results()).get(built)
    if first is not None:
        # Resolved before it is checked, so that neither `..` nor a link leads out of the folder.
        file = (first.parent / path).resolve()
        if file.is_relative_to(first.parent) and file.suffix in SERVED_SUFFIXES and file.is_file():
            return FileResponse(file)
    return render_response("message.html", message=f"There is no such page for {day}.")


@pages.get("/lists", response_class=HTMLResponse)
def show_lists(user_id: Annotated[str, Query(max_length=200)] = "") -> HTMLResponse:
    """Show the current list of one user, or of the first user; suggest ids from there on."""
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
