"""Pushes hostile values through every column of every source, and looks for one that acts anywhere.

A demo shop at rung XS gets further rows, each valid but for one hostile value: markup, script addresses, SQL,
spreadsheet formulas, terminal sequences, forged log lines, reordering marks, lone surrogates, templates, very
long texts. A night is run over them, and then everything that people see of it is searched: pages, those in
Airflow, what commands print, exports and logs. Secrets are planted in the environment and searched for in the
same places and in every file of the night. `VALUES=500 make bench NAME=hostile` is a short run; the
default is 5,000 values.
"""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from itertools import cycle
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

from benchmarks.demo_shops import LAST_DAY, make_shop
from benchmarks.shared_with_tests import load_test_module
from handpick.contracts import CONTRACTS
from handpick.night import Night
from handpick.serving.embedded import stop_embedded
from handpick.settings.load import Settings, load
from handpick.stages.publish.exports import FORMULA_STARTS
from handpick.stages.report import find_stage_pages

ROOT = Path(__file__).parents[1]
VALUES = int(os.environ.get("VALUES", "5000"))
CANARY = "Zq9x"
SECRETS = {
    "HANDPICK__LINEAGE__API_KEY": f"pl4nted-key-{CANARY}",
    "HANDPICK__FEATURES__REDIS": f"localhost:6379,password=pl4nted-redis-{CANARY}",
    "HANDPICK__FEATURES__POSTGRES_DSN": f"postgresql://feast:pl4nted-dsn-{CANARY}@localhost/x",
    "PGPASSWORD": f"pl4nted-env-{CANARY}",
}
"""Set while the night and the commands run; nothing of the night needs them."""
SETTINGS = """
[lake]
media = "{landing}/media"
truth = "{truth}"
[validation]
stop_share = 1.0
[pretraining.text]
steps = 60
"""
ROWS: dict[str, dict[str, Any]] = {
    "catalog": {
        "item_id": "hostile",
        "title": "Phone",
        "brand": "Aurora",
        "description": "A phone.",
        "specs": '{"battery": "4000 mAh"}',
        "price": "199.5",
        "currency": "EUR",
        "release_date": "2025-05-01",
        "in_stock": "true",
        "image_path": "",
        "updated_at": f"{LAST_DAY}T01:00:00Z",
    },
    "users": {
        "user_id": "hostile",
        "signed_up_at": "2025-01-01T00:00:00Z",
        "country": "DE",
        "locale": "de-DE",
        "owned_item_id": "",
        "consent": "true",
    },
    "events": {
        "event_id": "hostile",
        "user_id": "hostile-0",
        "item_id": "hostile-0",
        "event_type": "view",
        "value": "",
        "occurred_at": f"{LAST_DAY}T09:00:00Z",
        "session_id": "s1",
        "list_version": "",
    },
    "queries": {
        "query_id": "hostile",
        "user_id": "hostile-0",
        "text": "a big screen",
        "image_path": "",
        "audio_path": "",
        "occurred_at": f"{LAST_DAY}T09:00:00Z",
    },
}
KEYS = {"catalog": "item_id", "users": "user_id", "events": "event_id", "queries": "query_id"}


def measure() -> dict[str, Any]:
    """Count the values, and the places where one was not only text or a secret was shown."""
    hostile = load_test_module("hostile")
    made, home = make_shop("XS"), Path(tempfile.mkdtemp(prefix="handpick-hostile-"))
    landing = home / "var" / "landing"
    shutil.copytree(made / "landing", landing)
    (home / "handpick.toml").write_text(SETTINGS.format(landing=landing, truth=made / "truth"))
    values = _land_values(hostile, landing)
    with patch.dict(os.environ, {"HANDPICK_CONFIG": str(home / "handpick.toml"), **SECRETS}):
        settings = load()
        night = Night(settings, LAST_DAY)
        try:
            outputs = _run_commands(night)
            pages = _collect_pages(night)
            unescaped = [
                f"page {name}: {found}"
                for name, text in pages.items()
                for found in hostile.find_active_content(text)
            ]
            unescaped += [
                f"{name}: {found}"
                for name, text in outputs.items()
                for found in hostile.find_terminal_controls(text)
            ]
            cells, formulas = _find_formulas(night)
            for problem in (unescaped + formulas)[:20]:
                print(problem)
            return {
                "unescaped": len(unescaped) + len(formulas),
                "secrets_shown": _count_secrets(home, outputs, pages),
                "values": sum(values.values()),
                "columns": len(values),
                "pages": len(pages),
                "commands": len(outputs),
                "export_cells": cells,
                "hostile_titles_published": _count_published(settings, hostile),
                "rows_in_quarantine": sum(
                    night.lake.read(f"quarantine/{source}", LAST_DAY).num_rows for source in CONTRACTS
                ),
            }
        finally:
            stop_embedded(settings)
            shutil.rmtree(home, ignore_errors=True)


def _land_values(hostile: ModuleType, landing: Path) -> Counter[tuple[str, str]]:
    """Add rows to the landing files, each with one hostile value; return the number of values by column."""
    columns = [(source, name) for source, contract in CONTRACTS.items() for name in contract.column_names]
    rows: dict[str, list[dict[str, Any]]] = {
        source: [{**ROWS[source], KEYS[source]: "hostile-0"}] for source in CONTRACTS
    }
    counts: Counter[tuple[str, str]] = Counter()
    for number, (source, column) in zip(range(VALUES), cycle(columns), strict=False):
        text = hostile.draw_hostile(number // len(columns))
        row = {**ROWS[source], KEYS[source]: f"hostile-{number + 1}"}
        # An id stays unique, and keeps its hostile beginning.
        row[column] = f"{text}{number}" if column == KEYS[source] else text
        rows[source].append(row)
        counts[source, column] += 1
    for source, lines in rows.items():
        with (landing / source / f"{LAST_DAY}-hostile.jsonl").open("wb") as file:
            file.writelines(hostile.to_json_line(line) for line in lines)
    return counts


def _run_commands(night: Night) -> dict[str, str]:
    """Run the night and the commands that show something of it; return what each printed, and the logs."""
    day = str(LAST_DAY)
    outputs = {"night": _run("night", "--date", day)}
    lists = night.lake.read("lists/recommendations", LAST_DAY)
    users = lists["user_id"].unique().to_pylist()
    strange = [user for user in users if not re.fullmatch(r"[\w-]+", user)][:6]
    shown: list[tuple[str, ...]] = [("lists", "--", user) for user in [*users[:2], *strange]]
    shown += [("lists", "--phone", item) for item in _choose_items(night)]
    for source in CONTRACTS:
        shown.append(("quarantine", "show", "--date", day, "--source", source, "--limit", "1000000"))
    shown += [
        ("quarantine", "list", "--date", day),
        ("ledger", "--date", day),
        ("check", "--date", day),
        ("show", "--date", day),
        ("versions",),
    ]
    for arguments in shown:
        outputs[" ".join(arguments)[:60]] = _run(*arguments)
    return outputs


def _choose_items(night: Night) -> list[str]:
    """Return a few phones with a hostile title."""
    items = night.lake.read("marts/dim_item", LAST_DAY).select(["item_id", "title"]).to_pylist()
    return [row["item_id"] for row in items if "<" in row["title"] or "\x1b" in row["title"]][:6]


def _run(*arguments: str) -> str:
    """Run a command; return its output and its messages.

    Raises:
        RuntimeError: If it ends with a traceback.
    """
    ended = subprocess.run(
        [sys.executable, "-m", "handpick.cli.main", *arguments], capture_output=True, check=False, cwd=ROOT
    )
    printed = (ended.stdout + ended.stderr).decode(errors="replace")
    if "Traceback" in printed or (arguments[0] == "night" and ended.returncode):
        raise RuntimeError(f"handpick {' '.join(arguments)[:80]}: {printed[-3000:]}")
    return printed


def _collect_pages(night: Night) -> dict[str, str]:
    """Return all pages of the night as HTML: those that stages wrote, and those in Airflow."""
    report = night.lake.partition("report", LAST_DAY)
    pages = {file.name: file.read_text(encoding="utf-8") for file in report.glob("*.html")}
    built = find_stage_pages(night.results())
    pages["data docs"] = built["data_docs"].read_text(encoding="utf-8")
    pages |= _fetch_airflow_pages(night)
    return pages


PAGES = ("/", "/lists", "/models", "/data", "/versions", "/nights")
"""Pages of the app that need no choice."""


def _fetch_airflow_pages(night: Night) -> dict[str, str]:
    """Return the pages in Airflow, as somebody sees them who has signed in."""
    os.environ |= {
        "AIRFLOW_HOME": str(night.settings.home / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    sys.path.insert(0, str(ROOT / "plugins"))
    from airflow.api_fastapi.app import create_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from airflow.api_fastapi.core_api.security import get_user
    from fastapi.testclient import TestClient
    from recommendation_pages import pages

    (guard,) = pages.router.dependencies
    assert guard.dependency is not None
    pages.dependency_overrides[guard.dependency] = lambda: None
    create_auth_manager()
    pages.dependency_overrides[get_user] = lambda: SimpleAuthManagerUser(username="admin", role="admin")
    client = TestClient(pages, raise_server_exceptions=False)
    users = night.lake.read("lists/recommendations", LAST_DAY)["user_id"].unique().to_pylist()
    found = {}
    queries: list[tuple[str, dict[str, Any]]] = [(address, {}) for address in PAGES]
    queries += [
        ("/data/quarantine", {"day": LAST_DAY, "source": source, "page": page})
        for source in CONTRACTS
        for page in (1, 2, 3)
    ]
    queries.append(("/versions/diff", {"a": 1, "b": 1}))
    queries += [("/lists", {"item_id": item}) for item in _choose_items(night)]
    for address, parameters in queries:
        answer = client.get(address, params=parameters)
        assert answer.status_code == 200, f"{address} {parameters}: {answer.status_code}"
        found[f"{address} {parameters or ''}"] = answer.text
    # All users whose id is hostile, and some of the others, whose lists have hostile titles.
    strange = [user for user in users if not re.fullmatch(r"[\w-]+", user)]
    for user in [*strange, *users[:150]]:
        answer = client.get("/lists", params={"user_id": user})
        assert answer.status_code in (200, 400), f"{user!r}: {answer.status_code}"
        found[f"list of {user!r}"] = answer.text
    return found


def _find_formulas(night: Night) -> tuple[int, list[str]]:
    """Return the number of cells in the CSV exports, and those that a spreadsheet takes for a formula."""
    csv.field_size_limit(10**8)
    cells, found, number = 0, [], re.compile(r"-?\d+(\.\d+)?(e-?\d+)?")
    for file in night.lake.partition("exports", LAST_DAY).rglob("*.csv"):
        with file.open(newline="", encoding="utf-8") as stream:
            for row in csv.reader(stream):
                cells += len(row)
                found += [
                    f"{file.name}: {cell[:60]!r}"
                    for cell in row
                    if cell and cell[0] in FORMULA_STARTS and not number.fullmatch(cell)
                ]
    return cells, found


def _count_secrets(home: Path, outputs: dict[str, str], pages: dict[str, str]) -> int:
    """Count outputs, pages and files that hold a planted secret."""
    shown = [name for name, text in (outputs | pages).items() if CANARY in text]
    files = [path for path in home.rglob("*") if path.is_file() and not path.is_symlink()]
    kept = [str(path) for path in files if CANARY.encode() in path.read_bytes()]
    for place in shown + kept:
        print(f"a secret in {place}")
    return len(shown) + len(kept)


def _count_published(settings: Settings, hostile: ModuleType) -> int:
    """Return how many of the published titles are hostile texts, letter by letter."""
    from handpick.serving.connection import connect

    texts = set(hostile.HOSTILE)
    with connect(settings, reader=True) as connection:
        titles = [row[0] for row in connection.execute("select title from serving.items")]
    return sum(title in texts for title in titles)
