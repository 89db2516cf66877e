"""The Recommendations pages of Airflow's web UI: nights, list versions and any user's list, for signed-in people."""

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
    # plugin pages are open to anyone unless they ask who it is themselves
    dependencies=[Depends(requires_access_dag("GET"))],
)
templates = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=select_autoescape())


SHOWN = {".html", ".css", ".js", ".png", ".svg"}
"""Files of a stage's pages that a browser asks for; nothing else that lies beside them is served."""


def rows(query: LiteralString, *parameters: Any) -> tuple[list[dict[str, Any]], str | None]:
    """Rows of a query on the serving database as its readers see it, or why there are none.

    Before the first publish there is neither schema nor reader role, which is no problem to report.
    """
    from psycopg import errors
    from psycopg.rows import dict_row

    from handpick.serving.connection import connect
    from handpick.serving.schema import statement

    settings = load()
    composed = statement(query, schema=settings.serving.schema_name)
    try:
        with connect(settings, reader=True) as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(composed, parameters).fetchall(), None
    except errors.UndefinedTable:
        return [], None
    except HandpickError as error:
        is_first = f'role "{settings.serving.reader_role}" does not exist' in str(error)
        return [], None if is_first else str(error)


def page(name: str, **values: Any) -> HTMLResponse:
    """A rendered template."""
    return HTMLResponse(templates.get_template(name).render(shop=load().shop.name, **values))


@pages.get("/", response_class=HTMLResponse)
def overview() -> HTMLResponse:
    """Versions and nights, newest first."""
    settings = load()
    versions, problem = rows(
        "select v.version, v.logical_date, v.version = c.version as is_current, v.status, v.user_count, "
        "v.recommendation_count, v.model, v.published_at from {schema}.list_versions v "
        "left join {schema}.current_version c on true order by v.version desc limit 30"
    )
    ledger = settings.path(settings.lake.root) / "ledger"
    nights = sorted((folder.name[13:] for folder in ledger.glob("logical_date=*")), reverse=True)
    return page("overview.html", versions=versions, nights=nights[:30], problem=problem)


@pages.get("/nights/{day}")
def report(day: date) -> RedirectResponse:
    """A night's report, where its own links lead somewhere."""
    return RedirectResponse(f"{day}/index.html")


@pages.get("/nights/{day}/{name}", response_class=HTMLResponse)
def report_page(day: date, name: Literal["index.html", "model_card.html"]) -> HTMLResponse:
    """One page of a night's report."""
    from handpick.night import Night
    from handpick.stages.report import stage_pages

    night = Night(load(), day)
    file = night.lake.partition("report", day) / name
    if not file.is_file():
        return page("message.html", message=f"There is no {name.removesuffix('.html')} for {day}.")
    html = file.read_text(encoding="utf-8")
    for built, first in stage_pages(night.results()).items():
        html = html.replace(
            first.as_uri(), f"pages/{built}/{first.name}"
        )  # a browser follows no file: from here
    return HTMLResponse(html)


@pages.get("/nights/{day}/pages/{built}/{path:path}")
def stage_page(day: date, built: str, path: str) -> Response:
    """A file of the pages that a stage built: Great Expectations' Data Docs, dbt's documentation."""
    from handpick.night import Night
    from handpick.stages.report import stage_pages

    first = stage_pages(Night(load(), day).results()).get(built)
    if first is not None:
        file = (first.parent / path).resolve()
        if file.is_relative_to(first.parent) and file.suffix in SHOWN and file.is_file():
            return FileResponse(file)
    return page("message.html", message=f"There is no such page for {day}.")


@pages.get("/lists", response_class=HTMLResponse)
def lists(user_id: Annotated[str, Query(max_length=200)] = "") -> HTMLResponse:
    """The current list of one user; without a name, of the first few."""
    users, problem = rows(
        "select distinct user_id from {schema}.recommendations where user_id >= %s order by user_id limit 20",
        user_id,
    )
    if not user_id and users:
        user_id = users[0]["user_id"]
    found, _ = rows(
        "select r.*, i.title, i.price from {schema}.recommendations r left join {schema}.items i using (item_id) "
        "where r.user_id = %s order by r.rank",
        user_id,
    )
    return page("lists.html", user_id=user_id, rows=found, users=users, problem=problem)
