"""A damaged file of reviews becomes events and users.

Its unparsable lines reach quarantine with their text.
"""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path

import pyarrow.compute as pc
import pytest

from handpick.demo.public_data.amazon_reviews import import_amazon_reviews
from handpick.errors import InputError
from handpick.night import Night
from handpick.settings.load import load
from handpick.stages import land, validate

REAL = Path(__file__).parents[4] / "shared" / "data" / "amazon-phones" / "reviews.json"


def review(who: str, what: str, stars: float, seconds: int) -> str:
    """A review as the dump writes it."""
    return json.dumps(
        {
            "reviewerID": who,
            "asin": what,
            "reviewText": f"{what}, as told by {who}",
            "overall": stars,
            "unixReviewTime": seconds,
        }
    )


DUMP = "[" + ",\n".join(
    [
        review("A1", "B01", 5.0, 1400630400),
        review("A1", "B02", 2.0, 1390630400),
        '{"reviewerID": "A2", "asin": ???}',
        *(review(f"A{number}", "B01", 3.0, 1400630401) for number in range(10, 20)),
        review("A2", "B02", 4.0, 1400630402)[:70],
    ]
)


def write_catalog(landing: Path, items: set[str], day: str) -> None:
    """The owner's catalogue of what was reviewed."""
    (landing / "catalog").mkdir(parents=True)
    lines = [
        json.dumps(
            {"item_id": item, "title": f"Phone {item}", "in_stock": True, "updated_at": f"{day}T00:00:00Z"}
        )
        for item in sorted(items)
    ]
    (landing / "catalog" / f"catalog-{day}.jsonl").write_text("\n".join(lines))


def valid_night(home: Path, day: date) -> Night:
    """A night that was landed and validated, queries not needed."""
    os.environ.setdefault("HANDPICK_CONFIG", str(Path(__file__).parents[3] / "handpick.toml"))
    night = Night(load(home=home, sources={"queries": {"needed": "never"}}), day)
    land.run(night)
    result = validate.run(night)
    assert all(flow.rows_in == flow.rows_out + flow.rows_dropped for flow in result.flows)
    return night


def test_good_reviews_are_events_and_broken_ones_lie_in_quarantine_with_their_text(tmp_path: Path) -> None:
    dump = tmp_path / "reviews.json"
    dump.write_text(DUMP)
    landing = tmp_path / "var" / "landing"
    _, (events, users) = import_amazon_reviews(dump, landing)
    assert (events.rows_in, events.rows_out) == (14, 14)
    assert users.dropped == {"reviewer is there already": 1}
    write_catalog(landing, {"B01", "B02"}, "2014-05-21")
    night = valid_night(tmp_path, date(2014, 5, 21))
    good = night.lake.read("valid/events", night.logical_date)
    assert sorted(good["value"].to_pylist()) == [2.0, *[3.0] * 10, 5.0]
    assert set(good["event_type"].to_pylist()) == {"rating"}
    bad = night.lake.read("quarantine/events", night.logical_date)
    texts = [text for text in bad["_raw"].to_pylist() if text]
    assert len(bad) == 2
    assert any("???" in text for text in texts)
    assert any(text == review("A2", "B02", 4.0, 1400630402)[:70] for text in texts)
    signed_up = dict(
        zip(
            *night.lake.read("valid/users", night.logical_date)
            .select(["user_id", "signed_up_at"])
            .to_pydict()
            .values(),
            strict=True,
        )
    )
    assert signed_up["A1"].date() == date(2014, 1, 25), "the first review of two"


def test_a_file_without_reviews_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text('{"a": 1}\n')
    with pytest.raises(InputError, match="has no reviewerID, asin, overall, unixReviewTime"):
        import_amazon_reviews(other, tmp_path / "landing")
    assert not (tmp_path / "landing").exists()


@pytest.mark.skipif(not REAL.is_file(), reason=f"{REAL} is not there")
def test_of_the_real_dump_only_the_line_that_is_cut_off_is_lost_to_quarantine(tmp_path: Path) -> None:
    landing = tmp_path / "var" / "landing"
    (events_file, _), (events, _) = import_amazon_reviews(REAL, landing)
    assert (events.rows_in, events.rows_out) == (4777, 4777)
    items = set()
    for line in events_file.read_text(encoding="utf-8").splitlines()[:-1]:
        items.add(json.loads(line)["item_id"])
    write_catalog(landing, items, "2014-07-16")
    night = valid_night(tmp_path, date(2014, 7, 16))
    assert night.lake.read("valid/events", night.logical_date).num_rows == 4776
    bad = night.lake.read("quarantine/events", night.logical_date)
    assert len(bad) == 1
    assert pc.starts_with(bad["_raw"], '{"reviewerID": "A3HJOVHNXF6GYF"').to_pylist() == [True]
