"""Runs a small shop through `init`, `check`, land and validate, and says what became of its values.

Used by the tests and by `make bench NAME=init-cases`.
"""

from __future__ import annotations

import csv
import os
import re
import shutil
import traceback
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

CASES = Path(__file__).resolve().parents[4] / "shared" / "cases"
DAY, NEXT_DAY = date(2026, 1, 10), date(2026, 1, 11)
SOURCES = ("catalog", "users", "events", "queries")
KEYS = {"catalog": "item_id", "users": "user_id", "events": "event_id", "queries": "query_id"}

Rows = dict[str, dict[str, Any]]
Tables = dict[str, Rows]


@dataclass
class NightOutcome:
    """What one night of a shop said and did.

    Args:
        said: What `init` (of the first night) and `check` printed.
        stopped: The error that landing or validation ended with, in one line; empty if it did not.
        crash: A traceback; empty if there was none.
        valid: Valid rows by source and key.
        aside: Quarantined rows by source and key.
    """

    said: str = ""
    stopped: str = ""
    crash: str = ""
    valid: Tables = field(default_factory=dict)
    aside: Tables = field(default_factory=dict)


@contextmanager
def working_in(folder: Path, variables: Mapping[str, str]) -> Any:
    """Change the working folder and the environment for a while."""
    before, kept = Path.cwd(), {name: os.environ.get(name) for name in variables}
    os.chdir(folder)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.chdir(before)
        for name, value in kept.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


def call(*arguments: str) -> tuple[str, str]:
    """Run a command of the command line in this process; return what it printed, and its traceback."""
    from typer.testing import CliRunner

    from handpick.cli.main import app
    from handpick.errors import HandpickError

    result = CliRunner().invoke(app, list(arguments))
    if isinstance(result.exception, HandpickError):
        message = str(result.exception)
        return f"{result.output}\nhandpick: {message}", "" if "\n" not in message else message
    if result.exception is None or isinstance(result.exception, SystemExit):
        return result.output, ""
    return result.output, "".join(traceback.format_exception(result.exception))


def run_shop(
    shop: Path, home: Path, validates: bool = False, days: tuple[date, ...] = (DAY,)
) -> list[NightOutcome]:
    """Run the nights of a shop in a copy of its folder; `night<n>` folders are what has arrived by night n.

    Args:
        shop: The folder of the shop, with or without a `handpick.toml`.
        home: An empty folder.
        validates: Whether to run `check` and validation too; otherwise `valid` has the landed rows as the contract
            would read them.
        days: The nights.
    """
    from handpick.contracts import CONTRACTS

    outcomes: list[NightOutcome] = []
    for number, day in enumerate(days, 1):
        part = shop / f"night{number}"
        shutil.copytree(part if part.is_dir() else shop, home, dirs_exist_ok=True)
        if part.is_dir():
            shutil.copy(shop / "handpick.toml", home / "handpick.toml")
        lake = home.with_name(f"{home.name}-lake")
        with working_in(
            home, {"HANDPICK__LAKE__ROOT": str(lake), "HANDPICK_CONFIG": str(home / "handpick.toml")}
        ):
            outcomes.append(_run_night(day, validates))
        if not validates:
            _read_texts(outcomes[-1], CONTRACTS)
    return outcomes


def _read_texts(outcome: NightOutcome, contracts: Mapping[str, Any]) -> None:
    """Replace landed texts by typed rows, and leave out what validation would set aside."""
    for source, rows in outcome.valid.items():
        read = {key: read_as_contract(contracts[source], row) for key, row in rows.items()}
        outcome.aside[source] = {key: rows[key] for key, row in read.items() if row is None}
        outcome.valid[source] = {key: row for key, row in read.items() if row is not None}
    for source in ("events", "queries"):
        for key, row in list(outcome.valid.get(source, {}).items()):
            if row["user_id"] not in outcome.valid["users"]:
                outcome.aside[source][key] = outcome.valid[source].pop(key)


def run_shop_in_place(home: Path) -> list[NightOutcome]:
    """Run `init` and `land` on the files in a folder; `valid` has the landed texts."""
    lake = home.with_name(f"{home.name}-lake")
    with working_in(
        home, {"HANDPICK__LAKE__ROOT": str(lake), "HANDPICK_CONFIG": str(home / "handpick.toml")}
    ):
        return [_run_night(DAY, False)]


def _run_night(day: date, validates: bool) -> NightOutcome:
    from handpick.errors import HandpickError
    from handpick.night import Night
    from handpick.settings.load import load

    outcome = NightOutcome()
    if not Path("handpick.toml").exists():
        said, crash = call("init", ".")
        outcome.said, outcome.crash = said + Path("handpick.toml").read_text() if not crash else said, crash
    if validates and not outcome.crash:
        said, crash = call("check", "--date", str(day))
        outcome.said, outcome.crash = outcome.said + said, crash
    if outcome.crash:
        return outcome
    try:
        _land_and_validate(Night(load(), day), validates, outcome)
    except HandpickError as error:
        outcome.stopped = str(error)
        outcome.crash = outcome.stopped if "\n" in outcome.stopped else ""
    except Exception:
        outcome.crash = traceback.format_exc()
    return outcome


def _land_and_validate(night: Any, validates: bool, outcome: NightOutcome) -> None:
    from handpick.contracts import CONTRACTS
    from handpick.runtime.dataframes import start_engine
    from handpick.stages import land
    from handpick.stages.validate.source_validation import validate_source
    from handpick.stages.validate.thresholds import check_thresholds

    landing = land.run(night)
    outcome.said += f"\n{landing.notes}"
    if not validates:
        outcome.valid = {source: _index(night, "raw", source) for source in CONTRACTS}
        return
    with start_engine(night.settings, 1000) as engine:
        for source, contract in CONTRACTS.items():
            flow = validate_source(engine, night, contract).flow
            outcome.valid[source] = _index(night, "valid", source)
            outcome.aside[source] = _index(night, "quarantine", source)
            outcome.said += "".join(f"\n{line}" for line in check_thresholds(night, flow))


def read_as_contract(contract: Any, row: dict[str, Any]) -> dict[str, Any] | None:
    """Return a landed row with the types of its contract; None for one that validation would set aside.

    A value that cannot be read becomes None, as do values of other columns than required ones in validation.
    """
    if row["_raw"] is not None:
        return None
    typed: dict[str, Any] = dict(row)
    for column in contract.columns:
        text = (row[column.name] or "").strip()
        value: Any = text or None
        if text and column.type in ("timestamp", "date"):
            value = _read_time(text, column.type)
        elif text and column.type == "number":
            value = float(text) if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text) else None
        elif text and column.type == "boolean":
            value = BOOLEANS.get(text.lower())
        typed[column.name] = value
        if value is None and (column.is_required or (text and column.severity == "critical")):
            return None
    return typed


BOOLEANS = dict.fromkeys(("true", "t", "1", "yes", "y", "1.0"), True) | dict.fromkeys(
    ("false", "f", "0", "no", "n", "0.0"), False
)


def _read_time(text: str, kind: str) -> Any:
    """Return a moment (UTC where no zone is stated) or a day in ISO 8601; None for other texts."""
    if not re.match(r"\d{4}-\d{1,2}-\d{1,2}", text):
        return None
    try:
        if kind == "date":
            return date.fromisoformat(text[:10])
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _index(night: Any, kind: str, source: str) -> Rows:
    rows = night.lake.read(f"{kind}/{source}", night.logical_date).to_pylist()
    return {str(row[KEYS[source]] or f"line {row['_source_line']}"): row for row in rows}


# What the shared cases must give -----------------------------------------------------------------


def _base() -> Tables:
    """The valid rows of the sound shop `00_base`, from the rules by which it was made."""
    stamp = datetime(2026, 1, 9, 8, tzinfo=UTC)
    items = {
        f"p{n:03d}": {"price": 199.0 + 50 * n, "currency": "EUR", "in_stock": n % 7 != 0, "updated_at": stamp,
                      "title": f"Nordis N{n} 128GB", "description": f"Phone number {n}", "release_date": date(2025, 5, 1)}
        for n in range(1, 21)
    }  # fmt: skip
    users = {
        f"u{n:02d}": {"signed_up_at": datetime(2025, 6, 1, 10, tzinfo=UTC), "country": "DE", "consent": True,
                      "owned_item_id": f"p{n:03d}"}
        for n in range(1, 13)
    }  # fmt: skip
    kinds = ("view", "view", "cart", "purchase")
    events = {
        f"e{n:04d}": {"user_id": f"u{n % 12 + 1:02d}", "item_id": f"p{n * 7 % 20 + 1:03d}", "event_type": kinds[n % 4],
                      "occurred_at": datetime(2026, 1, 10, 6, tzinfo=UTC) + timedelta(minutes=15 * n),
                      "value": 499.0 if n % 4 == 3 else None, "session_id": f"s{n // 5}"}
        for n in range(60)
    }  # fmt: skip
    queries = {
        f"q{n}": {"user_id": f"u{n + 1:02d}", "text": f"phone with good camera {n}",
                  "occurred_at": datetime(2026, 1, 10, 10 + n, tzinfo=UTC)}
        for n in range(8)
    }  # fmt: skip
    return {"catalog": items, "users": users, "events": events, "queries": queries}


@dataclass(frozen=True)
class Case:
    """What one shared case must give.

    Args:
        change: Changes the rows of `00_base` into the rows that must come out of the last night.
        may_say: A stated doubt or a clear line that is as good as the right values; None if only values are.
        must_say: Text that the last night must print; None for none.
        ignored: Columns that are not compared.
    """

    change: Callable[[Tables], None] = lambda _: None
    may_say: str | None = None
    must_say: str | None = None
    ignored: tuple[str, ...] = ()


def _first_events(count: int) -> Callable[[Tables], None]:
    def change(rows: Tables) -> None:
        rows["events"] = {
            key: row for number, (key, row) in enumerate(rows["events"].items()) if number < count
        }

    return change


def _set(source: str, key: str, **values: Any) -> Callable[[Tables], None]:
    def change(rows: Tables) -> None:
        rows[source][key].update(values)

    return change


def _drop(source: str, key: str) -> Callable[[Tables], None]:
    def change(rows: Tables) -> None:
        del rows[source][key]

    return change


def _for_each(source: str, change_row: Callable[[dict[str, Any]], object]) -> Callable[[Tables], None]:
    """Change every row of a source."""

    def change(rows: Tables) -> None:
        for row in rows[source].values():
            change_row(row)

    return change


def _number_ids(first: int) -> Callable[[Tables], None]:
    def change(rows: Tables) -> None:
        def rename(key: str) -> str:
            return str(first + int(key[1:]))

        rows["catalog"] = {rename(key): row for key, row in rows["catalog"].items()}
        for row in rows["events"].values():
            row["item_id"] = rename(row["item_id"])
        for row in rows["users"].values():
            row["owned_item_id"] = rename(row["owned_item_id"])

    return change


def _describe(text: str) -> Callable[[Tables], None]:
    def change(rows: Tables) -> None:
        for key, row in rows["catalog"].items():
            row["description"] = text.format(key=key)

    return change


def _fractions(microseconds: int) -> Callable[[Tables], None]:
    def change(rows: Tables) -> None:
        for row in rows["events"].values():
            row["occurred_at"] += timedelta(microseconds=microseconds)

    return change


def _pieces(rows: Tables) -> None:
    rows["catalog"] = {f"k{n:03d}": {"in_stock": n < 150} for n in range(200)}
    for row in rows["events"].values():
        row["item_id"] = row["item_id"].replace("p", "k")


def _without_fourth_user(rows: Tables) -> None:
    """The row of u04 is set aside, and with it what u04 did."""
    for source in ("users", "events", "queries"):
        rows[source] = {
            key: row for key, row in rows[source].items() if "u04" not in (key, row.get("user_id"))
        }


def _negative_stock(rows: Tables) -> None:
    for n, row in enumerate(rows["catalog"].values()):
        row["in_stock"] = n % 5 != 0 and n != 3


def _both(*changes: Callable[[Tables], None]) -> Callable[[Tables], None]:
    def change(rows: Tables) -> None:
        for each in changes:
            each(rows)

    return change


def _uuids(rows: Tables) -> None:
    rows["users"], rows["events"] = {}, {}
    for row in rows["queries"].values():
        del row["user_id"]


def _berlin_clock(rows: Tables) -> None:
    """Six events around the changes of the clock."""
    times = ["2025-10-26T00:30:00", "2025-03-30T01:00:00", "2026-01-10T11:00:00", "2026-01-10T06:30:00",
             "2026-01-10T12:00:00.5", "2026-01-10T11:00:00"]  # fmt: skip
    _first_events(6)(rows)
    for row, text in zip(rows["events"].values(), times, strict=True):
        row["occurred_at"] = datetime.fromisoformat(text).replace(tzinfo=UTC)


def _nulls(rows: Tables) -> None:
    columns = {
        "catalog": ("price", "release_date"),
        "users": ("country", "owned_item_id"),
        "events": ("session_id",),
    }
    for source, names in columns.items():
        with (CASES / "null_backslash_n" / source / f"{source}-{DAY}.csv").open(newline="") as file:
            for line in csv.DictReader(file):
                rows[source][line[KEYS[source]]].update({name: None for name in names if line[name] == "\\N"})


def _berlin_summer(rows: Tables) -> None:
    _without_fourth_user(rows)
    for row in rows["users"].values():
        row["signed_up_at"] -= timedelta(hours=2)


EXPECTED: dict[str, Case] = {
    "00_base": Case(),
    "ampm": Case(),
    "backslash_quotes": Case(
        _for_each("catalog", lambda row: row.update(title=row["title"].replace(" 128GB", ' 6.1" 128GB')))
    ),
    "compact_day": Case(),
    "cp1252": Case(_describe("Für Anfänger: übersichtlich, 5 € günstiger"), ignored=("title",)),
    "cp1252_few": Case(_both(_set("catalog", "p005", title="Nordis N5 128GB Gerät"),
                             _set("catalog", "p012", description="Phone number 12 für Senioren"))),
    "cp1252_header": Case(may_say=r"encoding"),
    "cr_only": Case(),
    "datetime2_local": Case(_both(_first_events(40), _for_each("events", lambda row: row.pop("occurred_at")))),
    "dst": Case(_berlin_clock),
    "enc_cp1250": Case(_describe("Zářící žlutý telefon, skvělý výdrž {key}")),
    "enc_gbk": Case(_describe("旗舰手机 超长续航 {key}")),
    "enc_shift_jis": Case(_describe("大画面スマホ 長持ち電池 {key}")),
    "float_ids": Case(_number_ids(0)),
    "full_history": Case(lambda rows: rows.clear()),
    "gz_beside": Case(may_say=r"\.gz"),
    "init_dash": Case(may_say=r"month first|day first"),
    "init_iso_comma": Case(_fractions(250_000)),
    "init_ms": Case(_fractions(250_000), may_say=r"month first"),
    "init_price_eur": Case(),
    "init_slash": Case(),
    "json_nul": Case(),
    "log_times": Case(_first_events(40)),
    "log_times_tight": Case(_first_events(40)),
    "null_backslash_n": Case(_nulls),
    "overwritten": Case(lambda rows: rows.clear()),
    "padded_cents": Case(),
    "parquet_doubles": Case(_number_ids(4012345678900)),
    "parquet_ns_tz": Case(_fractions(123_456)),
    "pattern_fraction": Case(_fractions(250_000)),
    "price_de_whole": Case(may_say=r"price.*(1\.049|numbers\.price)"),
    "price_fr": Case(),
    "quoted_list": Case(lambda rows: rows["queries"]["q2"].update(
        text="phone with good camera 2:\ncamera, battery, size, price, weight, colour\nthanks")),
    "sep_line": Case(),
    "stock_negative": Case(_negative_stock),
    "stock_pieces": Case(_pieces),
    "trailing_delimiter": Case(),
    "twice_named": Case(),
    "u2028_release": Case(_drop("queries", "q7")),
    "uuid_parquet": Case(_uuids),
    "xlsx_only": Case(lambda rows: rows.clear(), may_say=r"xlsx|spreadsheet|ends in"),
    "zero_date": Case(_berlin_summer),
    "zero_date_utc": Case(_without_fourth_user),
    "zone_offset": Case(_both(_first_events(40), _for_each(
        "events", lambda row: row.update(occurred_at=row["occurred_at"] - timedelta(hours=1))))),
    "zone_typo": Case(lambda rows: rows.clear(), may_say=r"Europe/Berln"),
    "delisted": Case(lambda rows: rows.clear(), must_say=r"(?i)\b5\b.*(gone|missing|not in|no longer)"),
}  # fmt: skip


def judge(name: str, outcomes: list[NightOutcome]) -> tuple[str, str]:
    """Judge a case by its last night.

    Returns:
        `right`, `doubt` (stated), `line` (one clear line), `wrong` or `crash`; and what was wrong.
    """
    case, last = EXPECTED[name], outcomes[-1]
    for outcome in outcomes:
        if outcome.crash:
            return "crash", outcome.crash.strip().splitlines()[-1]
    spoken = last.said + last.stopped
    is_stated = case.may_say is not None and re.search(case.may_say, spoken, re.DOTALL) is not None
    if last.stopped:
        # The night stopped, which is as good only where the case says so.
        return ("line" if is_stated else "wrong"), last.stopped[:300]
    expected = _base()
    case.change(expected)
    faults = list(_find_faults(expected, last, case.ignored)) + list(_find_other_faults(name, outcomes))
    if case.must_say and not re.search(case.must_say, spoken):
        faults.append(f"not said: {case.must_say}")
    if not faults:
        return "right", ""
    return ("doubt" if is_stated else "wrong"), "; ".join(faults[:3])


def _find_faults(expected: Tables, night: NightOutcome, ignored: tuple[str, ...]) -> Any:
    for source, rows in expected.items():
        valid = night.valid.get(source, {})
        for key, row in rows.items():
            if key not in valid:
                yield f"{source} {key} is missing"
                continue
            for column, value in row.items():
                found = valid[key].get(column)
                if column not in ignored and found != value:
                    yield f"{source} {key} {column} is {found!r}, not {value!r}"
        if rows and (more := set(valid) - set(rows)):
            yield f"{source} has {len(more)} more rows, such as {min(more)}"


def _find_other_faults(name: str, outcomes: list[NightOutcome]) -> Any:
    """What the comparison with `00_base` does not see."""
    last = outcomes[-1]
    if name == "datetime2_local":
        first = last.valid["events"].get("e0000", {}).get("occurred_at")
        second = last.valid["events"].get("e0001", {}).get("occurred_at")
        if str(first)[:16] != "2026-01-10 06:00" or str(second)[:16] != "2026-01-10 06:15":
            yield f"events at {first}, {second}"
    if name == "backslash_quotes":
        specs = last.valid["catalog"]["p001"]["specs"]
        if not specs or "6.1 inches" not in specs:
            yield f"specs {specs!r}"
    if name == "uuid_parquet" and len(last.valid["events"]) < 40:
        yield "events are missing"
    if name == "overwritten" and not (last.valid["catalog"] and last.valid["events"]):
        yield f"{len(last.valid['catalog'])} phones and {len(last.valid['events'])} events of the second night"
    if name == "full_history" and len(last.valid["events"]) != 60:
        yield f"{len(last.valid['events'])} new events of the second night"
    if name == "quoted_list" and last.aside["queries"]:
        yield "a query was set aside"


def find_nights(name: str) -> tuple[date, ...]:
    """The nights of a shared case."""
    return (DAY, NEXT_DAY) if (CASES / name / "night2").is_dir() else (DAY,)
