"""The Recommendations pages over a published night whose every text is hostile, in this process."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from handpick.contracts import CONTRACTS
from handpick.night import Night
from handpick.serving.embedded import stop_embedded
from handpick.settings.load import load
from tests.hostile import HOSTILE

DAY = date(2026, 3, 10)
ROOT = Path(__file__).parents[2]
SQL_TEXTS = [text.encode(errors="replace").decode().replace("\0", "") or "empty" for text in HOSTILE]
"""The hostile texts that PostgreSQL can hold, and in UTF-8."""


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    """A night with hostile titles, reasons, segments and users, published and reported on."""
    from handpick.ledger.flows import Flow, StageResult
    from handpick.stages.report.report_page import render_report
    from handpick.stages.validate.data_docs import Outcome, Suite, render_docs
    from tests.stages.publish.conftest import report_scored, write_lists

    home = tmp_path_factory.mktemp("pages")
    (home / "handpick.toml").write_text("[shop]\nname = 'Shop <script>alert(0)</script>'\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HANDPICK_CONFIG", str(home / "handpick.toml"))
        night = Night(load(), DAY)
        count = len(SQL_TEXTS)
        write_lists(night, users=3 * count, items=count)
        _make_hostile(night, "lists/recommendations", reason=SQL_TEXTS, user_id=_unique(SQL_TEXTS))
        _make_hostile(night, "lists/similar_items", reason=SQL_TEXTS)
        _make_hostile(night, "marts/dim_item", title=SQL_TEXTS, brand=SQL_TEXTS)
        _make_hostile(night, "marts/dim_user", user_id=_unique(SQL_TEXTS), country=SQL_TEXTS)
        users = night.lake.read("marts/dim_user", DAY)
        added: dict[str, list[Any]] = {"is_query_only": [False], "is_cold": [True], "event_count": [1]}
        for name, values in added.items():
            users = users.append_column(name, pa.array(values * len(users)))
        night.lake.write("marts/dim_user", DAY, users)
        report_scored(night)
        from handpick.stages import publish

        result = publish.run(night)
        outcomes = [Outcome(text, text, text, False, text, [(text, 1)]) for text in HOSTILE]
        with night.lake.replace_partition("docs", DAY) as folder:
            (folder / "index.html").write_text(
                render_docs(night, [Suite("s", 1, outcomes)]), encoding="utf-8"
            )
            (folder / "secret.txt").write_text("not served")
        _write_quarantine(night)
        page = night.lake.partition("docs", DAY) / "index.html"
        dropped = dict.fromkeys(HOSTILE, 1)
        flow = Flow("events", len(dropped), 0, dropped)
        # dbt's documentation, whose scripts run in a sandbox.
        with night.lake.replace_partition("warehouse_docs", DAY) as folder:
            (folder / "static_index.html").write_text(
                "<title>dbt Docs</title><p id=x>no script ran</p><script>"
                "document.title = 'dbt Docs ran'; try { document.title += document.cookie + localStorage.length }"
                " catch (e) { document.title += ' alone' }</script>"
            )
        docs = night.lake.partition("warehouse_docs", DAY) / "static_index.html"
        results = [
            StageResult("validate", DAY, "x", (flow,), "d", notes={"data_docs_page": str(page)}),
            StageResult("warehouse", DAY, "x", (), "d", notes={"warehouse_docs_page": str(docs)}),
            result,
        ]
        for one in results:
            night.result_file(one.stage).parent.mkdir(parents=True, exist_ok=True)
            night.result_file(one.stage).write_text(one.to_json())
        with night.lake.replace_partition("report", DAY) as folder:
            (folder / "index.html").write_text(render_report(night, results, None), encoding="utf-8")
        yield night
        stop_embedded(night.settings)


def _write_quarantine(night: Night) -> None:
    """Write a row of events with each hostile text, as `validate` does with rows that broke a rule."""
    texts = SQL_TEXTS[:40]
    columns: dict[str, Any] = dict.fromkeys(CONTRACTS["events"].column_names, texts)
    columns |= {"_extra": texts, "_raw": texts, "_source_file": texts, "_source_line": range(len(texts))}
    columns |= {"_rules": [[text] for text in texts], "_values": ["[]"] * len(texts)}
    table = pa.table({**columns, "contract_version": ["1"] * len(texts)})
    night.lake.write("quarantine/events", DAY, table)


def _unique(texts: list[str]) -> list[str]:
    return [f"{text[:500]} {number}" for number, text in enumerate(texts)]


def _make_hostile(night: Night, table: str, **columns: list[str]) -> None:
    """Replace columns of a table by hostile texts, row by row; equal values stay equal."""
    rows = night.lake.read(table, DAY)
    for name, texts in columns.items():
        old = pc.dictionary_encode(rows[name].combine_chunks().fill_null("none"))
        values = pa.array([texts[number % len(texts)] for number in range(len(old.dictionary))], pa.string())
        if name == "user_id":
            values = pa.array(
                [f"{texts[n % len(texts)]}-{n}" for n in range(len(old.dictionary))], pa.string()
            )
        rows = rows.set_column(rows.column_names.index(name), name, values.take(old.indices))
    night.lake.write(table, DAY, rows)


def sign_in(pages: Any, role: str) -> None:
    """Let the following requests come from somebody with a role of Airflow's simple auth manager."""
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from airflow.api_fastapi.core_api.security import get_user

    pages.dependency_overrides[get_user] = lambda: SimpleAuthManagerUser(username=role, role=role)


@pytest.fixture(scope="session")
def application(published: Night) -> Iterator[Any]:
    """The pages' application, for somebody who has signed in; signing in is tested in `end_to_end`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HANDPICK_CONFIG", str(published.settings.home / "handpick.toml"))
        patch.setenv("AIRFLOW_HOME", str(published.settings.home / "airflow"))
        patch.setenv("AIRFLOW__API__SECRET_KEY", "of-this-test")
        patch.setitem(os.environ, "AIRFLOW__CORE__LOAD_EXAMPLES", "False")
        patch.syspath_prepend(str(ROOT / "plugins"))
        from airflow.api_fastapi.app import create_auth_manager
        from recommendation_pages import pages

        (guard,) = pages.router.dependencies
        assert guard.dependency is not None
        pages.dependency_overrides[guard.dependency] = lambda: None
        create_auth_manager()
        sign_in(pages, "admin")
        yield pages
        pages.dependency_overrides.clear()
        sys.modules.pop("recommendation_pages", None)


@pytest.fixture(scope="session")
def address(application: Any) -> Iterator[str]:
    """The pages behind a real server, next to a page with a cookie of the same origin."""
    import uvicorn

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(application, host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()
