"""DuckDB and Spark read every text alike and write the same bytes, for nights of odd rows too."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from handpick.contracts import CONTRACTS
from handpick.lake.partitions import digest_files
from handpick.ledger.flows import Flow
from handpick.night import Night
from handpick.runtime.dataframes import Engine, F, start_engine, use_engine
from handpick.settings.load import Settings, load
from handpick.stages import land, transform
from handpick.stages.transform import CLEAN_TABLES
from handpick.stages.transform.sessions import assign_sessions
from handpick.stages.validate.source_validation import validate_source

FIRST = date(2026, 1, 10)
NIGHTS = (FIRST, FIRST + timedelta(days=1))

NUMBERS = [
    *["1", "+1", "-1", "1.", ".5", ".", "1e5", "1E+5", "1e-400", "1e999", "-1e999", "1f", "1.5F", "2D", "0x1p3", "0x1.8p1", "0x.8p1", "0x1", "0xp3", "inf", "INF", "+inf"],
    *["-infinity", "Infinity", "NaN", "nan", "+nan", "-NaN", "Infinityd", "1_000", "1,5", "1e", "1e+", "e5", "--1", "00012", "1L", "12345678901234567890"],
    *["0.1234567890123456789012345678", "true", "1.8e308", "4.9e-324", "9007199254740993", "1.1.1", "+", "-0", "1ff", "NaNd"],
    "\t1", "1\n", "1\u00a0", "\uff11", "\u0661",
]  # fmt: skip
TIMES = [
    *(f"2026-01-01T05:03:07{zone}" for zone in (
        "", "Z", "z", "+02:00", "+0200", "+02", "+2", "+2:00", "+02:3", " +02:00", " Europe/Berlin", "CET", " EST",
        "PST", "UTC+01:00", " GMT+1", " UTC1", "+18:00", "+18:01", "-00:00", "+01:60", "+010203", "+01:02:03",
        "+01:0203", "-7:30", " America/New_York", "UT+1", "Z[UTC]", "\u00a0Z", " Zulu", ".", ".5", ".1234567",
        ".123456789+02:00", ".+02:00", ",5",
    )),
    "2026-1-1", "2026-01-01T", "2026-01-01 ", "2026-01-01 5", "2026-01-01 5:3", "2026-01-01T05:03Z", "2026-01-01Z",
    "2026-02-29", "2024-02-29", "2026-13-01", "2026-01-00", "2026-01-01 24:00:00", "2026-01-01 23:59:60",
    "0000-01-01", "0001-01-01", "9999-12-31 23:59:59.999999", "2026-01-001", "2026-03-29 02:30:00 Europe/Berlin",
    "2026-10-25 02:30:00 Europe/Berlin", "\t2026-01-01", "2026-01-01x", "2026-01-01 x", "2026-01-01Tx",
    "1969-12-31 23:59:59.5", "01.01.2026", "20260101", "2026-01",
]  # fmt: skip
OBJECTS = [
    "{}", '{"a":1}', '{"a":"b"} x', '{"a":1,"a":2}', ' {"a":1}', '{"a":NaN}', '{"a":01}', '{"a":1e5}', '{"a":6.10}',
    '{"a":1E400}', '{"a":null}', '{"a":[1, 2]}', '{"a":{"b" : "c"}}', '{"a":{"b":1,"b":2}}', '{"a":"x\ty"}',
    '{"a":"\\u00e9\\ud83d\\ude00"}', '{"a":"\\ud800"}', '{"a":"\\q"}', '{"a":1,}', "{", "", "[]", "null", "tru",
    '\ufeff{"a":1}', '{"a":-0}', '{"a":1 /*c*/}', '{"a":"b"}\x00', '{"A":"1","a":"2"}', '{"a":9999999.5}',
    '{"a":0.00099}', '{"a":12345678.5}', '{"a":[1.50,{"b":"x\\n\\u001f/\\""},null,true,-0.0]}', '{"a":3.14e20}',
]  # fmt: skip
WORDS = ["İstanbul", "ΣΑΣ", "ΟΔΟΣ ΟΔΟΣ", "ß", "ŉ", "ǅ", "ﬁ", "ſK", "Éé", "𐐀x", " \u00a0x ", "\u2028a"]
PATTERNS = [
    r"[\s\u00a0]+",
    r"[^\p{L}\p{N}]+",
    r"^(?:x|é)\d{0,2}",
    r"\A(?:[!-~]{1,3}|[^\x00-\x20\u00a0]{1,3})\z",
    "屏",
]
LINES = ["x", "éx", "x屏", "K", "k\n", "a\u2028", "a\x0bb", "a\u0085b", "\u00a0 ", "1.5 22", "é-x", ""]


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Engine]]:
    """DuckDB and a Spark session."""
    home = tmp_path_factory.mktemp("engines")
    with (
        start_engine(load(home=home, transform={"engine": "duckdb"}), rows=0) as duckdb,
        start_engine(load(home=home, transform={"engine": "spark"}), rows=0) as spark,
    ):
        yield [duckdb, spark]


def evaluate(engine: Engine, folder: Path, values: list[Any], kind: pa.DataType, build: Callable[[], dict[str, Any]]) -> Any:  # fmt: skip
    """What an engine makes of some values, by value."""
    use_engine(engine)
    file = folder / "values.parquet"
    rows = pa.table({"n": pa.array(range(len(values)), pa.int64()), "t": pa.array(values, kind)})
    pq.write_table(rows, file)
    frame = engine.read([file], rows.schema)
    columns = [column.alias(name) for name, column in build().items()]
    found = frame.select("n", *columns).toArrow().sort_by("n").drop(["n"]).to_pylist()
    return {repr(value): repr(row) for value, row in zip(values, found, strict=True)}


def cases() -> dict[str, tuple[list[Any], pa.DataType, Callable[[], dict[str, Any]]]]:
    """By name: values, their type, and what is made of them."""
    draw = random.Random(1)
    figures = [
        2.675,
        1.005,
        0.125,
        -2.5,
        1e15 + 0.5,
        1e-7,
        1e22,
        -0.0,
        float("nan"),
        float("inf"),
        1073741824.125,
    ]
    figures += [round(draw.uniform(0, 1000), draw.randrange(1, 8)) for _ in range(500)]
    figures += [number / 1000 + 0.0005 for number in range(500)]
    t = "t"
    return {
        "numbers": (NUMBERS, pa.string(), lambda: {"number": F.col(t).try_cast("double")}),
        "times": (TIMES, pa.string(), lambda: {
            "time": F.unix_micros(F.col(t).try_cast("timestamp")), "day": F.col(t).try_cast("date") < F.lit(FIRST),
        }),
        "objects": ([*OBJECTS], pa.string(), lambda: {
            "is_json": F.try_parse_json(F.col(t)).isNotNull(),
        }),
        "words": (WORDS, pa.string(), lambda: {
            "lower": F.lower(t), "upper": F.upper(t), "trim": F.trim(t),
            "first": F.split_part(F.col(t), F.lit(" "), F.lit(1)), "joined": F.concat_ws("-", t, F.lit(None), t),
        }),
        "patterns": (LINES, pa.string(), lambda: {
            name: column for n, pattern in enumerate(PATTERNS) for name, column in {
                f"cut {n}": F.regexp_replace(F.col(t), pattern, "_"),
                f"found {n}": F.col(t).rlike(pattern),
            }.items()
        }),
        "figures": (figures, pa.float64(), lambda: {
            "two": F.round(F.col(t), 2), "six": F.round(F.col(t), 6), "none": F.round(F.col(t), 0),
        }),
    }  # fmt: skip


@pytest.mark.parametrize("name", cases())
def test_a_value_means_the_same_on_both_engines(engines: list[Engine], tmp_path: Path, name: str) -> None:
    values, kind, build = cases()[name]
    one, other = (evaluate(engine, tmp_path, values, kind, build) for engine in engines)
    assert one == other


def odd_rows(seed: int, day: date) -> dict[str, list[dict[str, Any]]]:
    """A day of rows that keep and break their contracts in every way."""
    draw = random.Random(seed)
    place = f"{day}T{{:02d}}:{{:02d}}:{{:02d}}Z"

    def time() -> str:
        usual = place.format(draw.randrange(24), draw.randrange(60), draw.randrange(60))
        return usual if draw.random() < 0.9 else draw.choice(TIMES)

    def pick(usual: Any, odd: list[Any], share: float = 0.1) -> Any:
        return draw.choice(odd) if draw.random() < share else usual

    def key(letter: str, count: int) -> str:
        return pick(f"{letter}{draw.randrange(count)}", [" ", "a b", f" {letter}1 ", "ü1", "x" * 129, None])

    sheets = [
        {"Display Size": "6.1\"", "battery": "5.000 mAh", "weight": "0.41 lb", "memory": "8GB+256GB"},
        {"size": "15.5 cm", "main-camera": "4800万像素", "colors": "Starry Black, Wine red", "dimensions": "161.9 x 76.4 x 8.8 mm"},
        {"display size": "6,5 in", "display-size": "7 in", "charging": "33W, reverse wireless 5W", "resolution": "1080 x 2400"},
        {"weight": "182 g", "price": 6.10, "more": {"a": [1, 2.50]}, "os": "Android 12", "sim": None},
    ]  # fmt: skip
    titles = ["Nuvo Aria 12 Pro 128GB", "Nuvo Aria 12 Pro (8GB/256 GB, Dual SIM)", "Sony Xperia 1 IV", "İPHONE 6s Plus Blue", "屏 X", "Orbis\u00a0Mix, 5G"]  # fmt: skip
    catalog = [
        {
            "item_id": key("p", 30), "title": pick(draw.choice(titles), [None, " ", "a\x00b"]),
            "brand": draw.choice(["Nuvo", "Sony", None, " ΣΑΣ ", "İP"]),
            "specs": pick(json.dumps(draw.choice(sheets)), OBJECTS, 0.3),
            "price": pick(str(draw.randrange(100, 99999) / 100), NUMBERS, 0.3),
            "currency": draw.choice(["EUR", "usd", None, "euro", "XXX"]), "release_date": pick("2025-05-01", TIMES),
            "in_stock": pick("yes", ["0", "F", "1.0", "perhaps", " NO "]), "updated_at": time(),
        }
        for _ in range(80)
    ]  # fmt: skip
    users = [
        {
            "user_id": key("u", 20), "signed_up_at": pick("2025-01-01", TIMES), "country": draw.choice(["de", "DE", "x", None]),
            "locale": draw.choice(["en_GB", "zh-CN", "e", None]), "owned_item_id": draw.choice([" p1 ", None, "a b"]),
            "consent": pick("true", ["no", "maybe", None]),
        }
        for _ in range(60)
    ]  # fmt: skip
    kinds = [
        "view",
        "View ",
        "IMPRESSION",
        "impression",
        "impression",
        "cart",
        "purchase",
        "return",
        "rating",
    ]
    events = [
        {
            "event_id": pick(f"e{seed}-{number}", [f"e{seed}-1", None, "e 1"], 0.03), "user_id": key("u", 20), "item_id": key("p", 30),
            "event_type": pick(draw.choice(kinds), ["telepathy", "ſ"], 0.03), "occurred_at": time(),
            "value": pick(draw.choice([None, "1", "2.5", "3", "4.005"]), NUMBERS),
            "session_id": draw.choice([None, None, " ", "s1", "s2"]), "list_version": None,
        }
        for number in range(1200)
    ]  # fmt: skip
    queries = [
        {
            "query_id": f"q{seed}-{draw.randrange(50)}", "user_id": key("u", 20), "occurred_at": time(),
            "text": draw.choice(["  a\u00a0small  phone ", None, " ", "a\x00b", "ſ"]),
        }
        for _ in range(60)
    ]  # fmt: skip
    return {"catalog": catalog, "users": users, "events": events, "queries": queries}


def run_nights(settings: Settings, engine: Engine) -> tuple[dict[str, str], list[Flow]]:
    """Digests of all tables of two nights, and the ledger lines of the row filter and the transforms."""
    flows: list[Flow] = []
    for number, day in enumerate(NIGHTS):
        for source, rows in odd_rows(number, day).items():
            file = settings.home / "landing" / source / f"{day}.jsonl"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        night = Night(settings, day)
        land.run(night)
        use_engine(engine)
        flows += [validate_source(engine, night, contract).flow for contract in CONTRACTS.values()]
        flows += transform.run(night).flows
    tables = [f"{kind}/{source}" for kind in ("valid", "quarantine") for source in CONTRACTS]
    tables += [f"clean/{name}" for name in CLEAN_TABLES]
    return {
        f"{table} of {day}": digest_files(night.lake.partition(table, day))
        for table in tables
        for day in NIGHTS
    }, flows


def test_nights_of_odd_rows_have_the_same_bytes_and_ledger_lines(
    engines: list[Engine], tmp_path: Path
) -> None:
    found = {}
    for engine in engines:
        settings = load(
            home=tmp_path / str(engine.name),
            lake={"root": "lake", "landing": "landing", "media": "landing/media"},
            transform={"engine": engine.name, "bot_events_per_hour": 5},
            shop={"exchange_rates": {"USD": 0.92}},
        )
        found[engine.name] = run_nights(settings, engine)
    digests, flows = found["duckdb"]
    assert digests == found["spark"][0]
    assert flows == found["spark"][1]
    assert all(flow.rows_out and flow.rows_dropped for flow in flows[: len(CONTRACTS)])


def test_sessions_are_found_with_one_sort_of_the_events(
    engines: list[Engine], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, spark = engines
    use_engine(spark)
    schema = pa.schema(
        [("event_id", "string"), ("user_id", "string"), ("session_id", "string"), ("occurred_at", pa.timestamp("us", tz="UTC"))]
    )  # fmt: skip
    pq.write_table(schema.empty_table(), tmp_path / "events.parquet")
    assign_sessions(spark.read([tmp_path / "events.parquet"], schema), None, 30).explain()
    assert capsys.readouterr().out.count(" Sort [") == 1
