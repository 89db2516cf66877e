# ruff: noqa: E501 - patterns of sentences, and statements in SQL
"""Checks drawn reasons of the demo shop's lists against the tables of the lake, and counts the general ones.

The check reads the sentences as a customer would and looks their statements up with SQL. It shares no code
with what writes the reasons: numbers, names and conditions are stated here once more.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import duckdb
from babel import Locale
from babel.dates import format_skeleton

from benchmarks.evaluated_nights import NIGHT, get_evaluated_night

DRAWN, SEED = 2000, 11
FACTS: tuple[tuple[str, str], ...] = (
    (r"^([\d,.]+) MP selfie camera$", "selfie_camera_mp"),
    (r"^([\d,.]+) MP (?:camera|摄像头)$", "main_camera_mp"),
    (r"^([\d,.]+) MP 前置摄像头$", "selfie_camera_mp"),
    (r"^([\d,.]+) mAh (?:battery|电池)$", "battery_mah"),
    (r"^([\d,.]+) W (?:charging|充电)$", "charging_w"),
    (r"^([\d,.]+) GB (?:storage|存储)$", "storage_gb"),
    (r"^([\d,.]+) GB (?:memory|内存)$", "ram_gb"),
    (r"^([\d,.]+) Hz (?:screen|屏幕)$", "refresh_hz"),
    (r"^([\d,.]+)(?:″ screen| 英寸屏幕)$", "display_inches"),
    (r"^([\d,.]+) (?:g|克)$", "weight_g"),
    (r"^([\d,.]+) EUR$", "price"),
)
"""What a stated number is a number of."""
COMPARISONS: tuple[tuple[str, str], ...] = (
    (
        r"^([\d,.]+) MP camera instead of ([\d,.]+)$|^([\d,.]+) MP 摄像头，而不是 ([\d,.]+) MP$",
        "main_camera_mp",
    ),
    (
        r"^([\d,.]+) mAh battery instead of ([\d,.]+)$|^([\d,.]+) mAh 电池，而不是 ([\d,.]+) mAh$",
        "battery_mah",
    ),
    (r"^([\d,.]+) GB storage instead of ([\d,.]+)$|^([\d,.]+) GB 存储，而不是 ([\d,.]+) GB$", "storage_gb"),
    (r"^([\d,.]+) GB memory instead of ([\d,.]+)$|^([\d,.]+) GB 内存，而不是 ([\d,.]+) GB$", "ram_gb"),
    (r"^([\d,.]+) W charging instead of ([\d,.]+)$|^([\d,.]+) W 充电，而不是 ([\d,.]+) W$", "charging_w"),
    (r"^([\d,.]+) Hz screen instead of ([\d,.]+)$|^([\d,.]+) Hz 屏幕，而不是 ([\d,.]+) Hz$", "refresh_hz"),
    (
        r"^([\d,.]+)″ screen instead of ([\d,.]+)″$|^([\d,.]+) 英寸屏幕，而不是 ([\d,.]+) 英寸$",
        "display_inches",
    ),
)
"""Two stated numbers: this phone's, and the other one's."""
LESS: tuple[tuple[str, str], ...] = (
    (r"^([\d,.]+) EUR cheaper$|^便宜 ([\d,.]+) EUR$", "price"),
    (r"^([\d,.]+) g lighter$|^轻 ([\d,.]+) 克$", "weight_g"),
    (r"^([\d,.]+) mm thinner$|^薄 ([\d,.]+) 毫米$", "thickness_mm"),
)
"""A stated difference by which this phone has less."""
USES = {
    "a strong camera": "good-camera", "拍照出色": "good-camera", "a large battery": "big-battery",
    "电池大": "big-battery", "compact": "compact", "小巧": "compact", "a large screen": "large-screen",
    "大屏": "large-screen", "made for selfies": "selfie", "适合自拍": "selfie", "much storage": "big-storage",
    "存储大": "big-storage", "slim": "slim", "纤薄": "slim", "light": "light", "轻便": "light",
    "a smooth screen": "high-refresh", "屏幕流畅": "high-refresh", "fast charging": "fast-charging",
    "快充": "fast-charging",
}  # fmt: skip
GENERAL = frozenset(
    {"a strong match for your profile", "与您的偏好高度匹配", "from our range", "本店在售",
     "something different to discover", "换个口味看看", "popular with our customers", "广受顾客欢迎"}
)  # fmt: skip
"""Sentences that could stand at any phone."""
EVENTS = {
    "viewed": "view", "put in your cart": "cart", "bought": "purchase", "rated": "rating",
    "浏览": "view", "加入购物车": "cart", "购买": "purchase", "评价": "rating",
}  # fmt: skip
MIN_PEOPLE, POPULAR_DAYS, CART_DAYS = 10, 28, 30


class Facts:
    """The facts of one night, read with SQL.

    Args:
        lake: Root of the lake.
        day: The logical date.
    """

    def __init__(self, lake: str, day: date) -> None:
        self.day = day
        self.db = duckdb.connect()
        self.db.execute("set timezone = 'UTC'")
        for name in ("dim_item", "dim_user"):
            self.db.execute(
                f"create table {name} as select * from '{lake}/marts/{name}/logical_date={day}/*.parquet'"
            )
        for name in ("fct_interactions", "fct_queries"):
            self.db.execute(
                f"create table {name} as select * from '{lake}/marts/{name}/*/*.parquet' "
                f"where logical_date <= '{day}'"
            )
        for name in ("recommendations", "similar_items"):
            self.db.execute(
                f"create table {name} as select * from '{lake}/lists/{name}/logical_date={day}/*.parquet'"
            )
        self.items = {row["item_id"]: row for row in self.rows("select * from dim_item")}
        self.users = {row["user_id"]: row for row in self.rows("select * from dim_user")}
        self.since = day + timedelta(days=1)

    def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """Return a query's rows by column name."""
        found = self.db.execute(query, list(values))
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def one(self, query: str, *values: Any) -> Any:
        """Return the single value of a query."""
        found = self.db.execute(query, list(values)).fetchone()
        return None if found is None else found[0]


def measure() -> dict[str, Any]:
    """Score the night of rung S and check its reasons."""
    night = get_evaluated_night("S")
    environment = {**os.environ, "HANDPICK_CONFIG": str(night.settings.home / "handpick.toml")}
    for stage in ("gate", "score"):
        subprocess.run(
            [sys.executable, "-m", "handpick.cli.main", stage, "--date", NIGHT.isoformat()],
            env=environment, check=True, capture_output=True,
        )  # fmt: skip
    return check_lists(str(night.lake.root), NIGHT)


def check_lists(lake: str, day: date) -> dict[str, Any]:
    """Check drawn reasons of a night's lists, and count the general ones and what opens similar lists."""
    facts = Facts(lake, day)
    drawn = facts.rows(
        "select * from recommendations order by hash(user_id || '|' || item_id || ?) limit ?",
        SEED,
        DRAWN * 3 // 4,
    )
    similar = facts.rows(
        "select * from similar_items order by hash(item_id || '|' || similar_item_id || ?) limit ?",
        SEED,
        DRAWN - len(drawn),
    )
    wrong = [row for row in drawn if not _is_true(facts, row)]
    wrong += [row for row in similar if not _is_similarity_true(facts, row)]
    for row in wrong[:20]:
        print("not true:", {name: row[name] for name in row if name not in ("propensity", "score")})
    all_rows = facts.rows("select reason, reason_code, count(*) as n from recommendations group by all")
    total = sum(row["n"] for row in all_rows)
    colors = (
        facts.one("select list(distinct color) from (select unnest(color_tags) as color from dim_item)") or []
    )
    opening = facts.rows(
        "select split_part(reason, ', ', 1) as first, count(*) as n from similar_items group by 1"
    )
    kinds: Counter[str] = Counter()
    for row in all_rows:
        kinds[row["reason_code"]] += row["n"]
    return {
        "drawn": len(drawn) + len(similar),
        "true_share": 1 - len(wrong) / (len(drawn) + len(similar)),
        "general_share": sum(row["n"] for row in all_rows if row["reason"] in GENERAL) / total,
        "colour_first_share": sum(row["n"] for row in opening if row["first"].removeprefix("also ") in colors)
        / sum(row["n"] for row in opening),
        "flagship_share_where_simple": _measure_flagships(facts),
        "answered_query_share": facts.one(
            "select avg((reason not like 'because%' and reason not like '因为%')::int) from recommendations "
            "where reason_code = 'query'"
        ),
        **{f"share_{name}": count / total for name, count in kinds.most_common()},
    }


def _measure_flagships(facts: Facts) -> float:
    """Measure the share of flagships among the first five phones of those who ask for a simple one."""
    return float(
        facts.one(
            """
            with latest as (select user_id, arg_max(text, occurred_at) as text from fct_queries group by 1),
            askers as (select user_id from latest where
                regexp_matches(text, 'easy phone|big buttons|simple phone|old people|only for calls|do not need power|'
                    || 'basic is enough|nothing complicated|爷爷|老人机|简单手机|只打电话|够用就行|基本功能|不需要高配置')
                and not regexp_matches(text, 'flagship|most expensive|very best|no object|premium|旗舰|最贵|不差钱|不是问题')),
            dear as (select quantile_cont(price, 0.8) as price from dim_item where is_in_stock)
            select avg((dim_item.price >= dear.price)::int) from recommendations join askers using (user_id)
            join dim_item using (item_id), dear where rank <= 5
            """
        )
    )


def _number(text: str) -> float:
    return float(text.replace(",", ""))


def _is_near(stated: str, known: Any) -> bool:
    """Return whether a stated number is the known one, rounded as it is stated."""
    if known is None:
        return False
    decimals = len(stated.partition(".")[2])
    return abs(_number(stated) - float(known)) <= (0.5 if decimals == 0 else 0.05) + 1e-6


def _matches(text: str, patterns: tuple[tuple[str, str], ...]) -> tuple[str, list[str]] | None:
    """Return the column and the stated numbers of the first pattern that a text matches."""
    for pattern, column in patterns:
        if found := re.match(pattern, text):
            return column, [group for group in found.groups() if group is not None]
    return None


def _is_fact_true(item: dict[str, Any], text: str) -> bool:
    """Return whether a phone's sheet has a stated fact."""
    tags, raw = set(item["spec_tags"] or []), item["specs_raw"] or ""
    if text in ("5G", "dual SIM", "双卡"):
        return ("5g" if text == "5G" else "dual-sim") in tags
    if text in ("OIS", "光学防抖"):
        return "OIS" in raw
    if text in ("headphone socket", "耳机孔"):
        return bool(re.search(r'3\.?5.?mm[^"]*": *"(Yes|yes|3\.5)', raw))
    if re.match(r"^IP\d\d$", text):
        return text in raw.replace("IP ", "IP")
    if found := re.match(r"^([\d.]+) µm (?:pixels|像素)$", text):
        return found.group(1) in raw
    read = _matches(text, FACTS)
    return read is not None and _is_near(read[1][0], item[read[0]])


def _is_comparison_true(item: dict[str, Any], other: dict[str, Any], text: str) -> bool:
    """Return whether two sheets have the stated difference, in favour of the first."""
    if read := _matches(text, COMPARISONS):
        column, (mine, theirs) = read
        return (
            _is_near(mine, item[column]) and _is_near(theirs, other[column]) and item[column] > other[column]
        )
    if read := _matches(text, LESS):
        column, (less,) = read
        known = None if None in (item[column], other[column]) else other[column] - item[column]
        return known is not None and known > 0 and _is_near(less, known)
    return False


def _split(text: str, language: str) -> list[str]:
    """Split a sentence into its facts; a comma within a number does not separate."""
    if language == "zh":
        # The comparison itself holds a comma.
        return re.split(r"，(?!而不是)", text)
    return re.split(r", ", text)


def _is_true(facts: Facts, row: dict[str, Any]) -> bool:
    """Return whether a row's sentence states the truth."""
    text, item, user = row["reason"], facts.items[row["item_id"]], facts.users[row["user_id"]]
    language = "zh" if (user["locale"] or "").startswith("zh") else "en"
    check: Callable[..., bool] = _CHECKS[row["reason_code"]]
    return check(facts, row["user_id"], item, text, language)


def _check_cart(facts: Facts, user: str, item: dict[str, Any], text: str, language: str) -> bool:  # noqa: ARG001
    return bool(
        facts.one(
            "select count(*) from fct_interactions e where user_id = ? and item_id = ? and event_type = 'cart' "
            "and occurred_at >= ? and not exists (select 1 from fct_interactions b where b.user_id = e.user_id "
            "and b.event_type = 'purchase' and b.occurred_at >= e.occurred_at)",
            user, item["item_id"], facts.since - timedelta(days=CART_DAYS),
        )
    )  # fmt: skip


def _check_query(facts: Facts, user: str, item: dict[str, Any], text: str, language: str) -> bool:
    found = re.match(
        r"^(?:because )?you asked for «(.*)»(?:: (.*))?$|^(?:因为)?您想找“(.*)”(?:：(.*))?$", text
    )
    if found is None:
        return False
    quoted, named = found.group(1) or found.group(3), found.group(2) or found.group(4)
    latest = facts.one("select arg_max(text, occurred_at) from fct_queries where user_id = ?", user)
    whole = " ".join((latest or "").split())
    if not (whole == quoted or (quoted.endswith("…") and whole.startswith(quoted[:-1]))):
        return False
    return all(_is_fact_true(item, part) for part in (_split(named, language) if named else []))


def _check_kind(column: str) -> Callable[..., bool]:
    def check(facts: Facts, user: str, item: dict[str, Any], text: str, language: str) -> bool:  # noqa: ARG001
        return facts.one(
            f"select arg_max({column}, occurred_at) is not null from fct_queries where user_id = ?", user
        )

    return check


def _did(facts: Facts, user: str, title: str, event: str) -> dict[str, Any] | None:
    """Return the phone of that title on which the user has that event."""
    found = facts.rows(
        "select distinct item_id from fct_interactions join dim_item using (item_id) where user_id = ? and title = ? "
        "and event_type = ? and weight > 0 order by item_id",
        user, title, event,
    )  # fmt: skip
    return facts.items[found[0]["item_id"]] if found else None


def _share_what_matters(item: dict[str, Any], other: dict[str, Any]) -> bool:
    """Return whether two phones share a price class, a use or the brand: more than a colour."""
    a, b = item["price"], other["price"]
    alike = a is not None and b is not None and abs(a - b) <= 0.15 * max(a, b) + 0.01
    uses = set(USES.values()) & set(item["spec_tags"] or []) & set(other["spec_tags"] or [])
    return alike or bool(uses) or (item["brand"] is not None and item["brand"] == other["brand"])


def _check_history(facts: Facts, user: str, item: dict[str, Any], text: str, language: str) -> bool:  # noqa: ARG001
    verbs = "|".join(EVENTS)
    if found := re.match(rf"^because you ({verbs}) the (.*)$|^因为您({verbs})过 (.*)$", text):
        groups = [group for group in found.groups() if group]
        return _did(facts, user, groups[1], EVENTS[groups[0]]) is not None
    found = re.match(rf"^like the (.*) you ({verbs})(?:, (.*))?$", text)
    if found:
        title, verb, better = found.groups()
    elif found := re.match(rf"^与您({verbs})的 (.*) 相似(?:，(.*))?$", text):
        verb, title, better = found.groups()
    else:
        return False
    other = _did(facts, user, title, EVENTS[verb])
    if other is None or not _share_what_matters(item, other):
        return False
    return better is None or _is_comparison_true(item, other, better)


def _check_seen(facts: Facts, user: str, item: dict[str, Any], text: str, language: str) -> bool:
    at = facts.one(
        "select max(occurred_at) from fct_interactions where user_id = ? and item_id = ? and weight > 0",
        user, item["item_id"],
    )  # fmt: skip
    return at is not None and format_skeleton("MMMd", at, locale=language) in text


def _check_profile(facts: Facts, user: str, item: dict[str, Any], text: str, language: str) -> bool:  # noqa: ARG001
    seen = [
        facts.items[row["item_id"]]
        for row in facts.rows(
            "select distinct item_id from fct_interactions join dim_item using (item_id) "
            "where user_id = ? and weight > 0",
            user,
        )
    ]
    english = re.search(r"(\d+) of the (\d+) phones you looked at$", text)
    chinese = re.search(r"看过的 (\d+) 款手机中(?:有|的) (\d+) 款", text)
    if english is not None:
        count, total = (int(number) for number in english.groups())
    elif chinese is not None:
        total, count = (int(number) for number in chinese.groups())
    else:
        return False
    if total != len(seen):
        return False
    first = re.split(r", like|，您看过|品牌，| 品牌，", text)[0].strip()
    if text.startswith(("priced like", "价位")):
        alike = sum(
            one["price"] is not None
            and abs(one["price"] - item["price"]) <= 0.15 * max(one["price"], item["price"]) + 0.01
            for one in seen
        )
        return alike == count
    if first in USES:
        return (
            USES[first] in item["spec_tags"]
            and sum(USES[first] in (one["spec_tags"] or []) for one in seen) == count
        )
    return first == item["brand"] and sum(one["brand"] == first for one in seen) == count


def _check_owned(facts: Facts, user: str, item: dict[str, Any], text: str, language: str) -> bool:  # noqa: ARG001
    owned = facts.items.get(facts.users[user]["owned_item_id"])
    if owned is None:
        return False
    title = owned["title"]
    starts = (f"instead of your {title}: ", f"替换您的 {title}：")
    start = next((one for one in starts if text.startswith(one)), None)
    return (
        start is not None
        and _share_what_matters(item, owned)
        and _is_comparison_true(item, owned, text.removeprefix(start))
    )


def _check_popular(facts: Facts, user: str, item: dict[str, Any], text: str, language: str) -> bool:
    country = facts.users[user]["country"]
    everywhere = text in ("popular with our customers", "广受顾客欢迎")
    people = facts.one(
        "select count(distinct user_id) from fct_interactions join dim_user using (user_id) where item_id = ? and "
        "weight > 0 and occurred_at >= ? and (? or country = ?)",
        item["item_id"], facts.since - timedelta(days=POPULAR_DAYS), everywhere, country,
    )  # fmt: skip
    name = Locale.parse(language).territories.get(country or "", "")
    return people >= MIN_PEOPLE and (everywhere or text in (f"popular in {name}", f"在{name}热销"))


def _check_strength(facts: Facts, user: str, item: dict[str, Any], text: str, language: str) -> bool:  # noqa: ARG001
    found = re.match(
        r"^(?:something different: |换个口味：)?(.*)(?:: more than (\d) of 10 phones at its price|：同价位 10 款手机中胜过 (\d) 款)$",
        text,
    )
    if found is None or not _is_fact_true(item, found.group(1)):
        return False
    read = _matches(found.group(1), FACTS)
    if read is None:
        return False
    share = facts.one(
        f"select avg(({read[0]} < ?)::int) from dim_item where is_in_stock and item_id <> ? and {read[0]} > 0 "
        "and abs(price - ?) <= 0.2 * ? + 0.01",
        item[read[0]], item["item_id"], item["price"], item["price"],
    )  # fmt: skip
    return share is not None and share >= int(found.group(2) or found.group(3)) / 10 - 0.005


def _check_launch(facts: Facts, user: str, item: dict[str, Any], text: str, language: str) -> bool:  # noqa: ARG001
    day = item["release_date"] or item["first_seen_date"]
    return day is not None and 0 <= (facts.day - day).days < 7


def _check_exploration(facts: Facts, user: str, item: dict[str, Any], text: str, language: str) -> bool:
    return text in GENERAL or _check_strength(facts, user, item, text, language)


def _check_model(facts: Facts, user: str, item: dict[str, Any], text: str, language: str) -> bool:  # noqa: ARG001
    """Check that a match for a profile is claimed only of people of whom something is known."""
    known = facts.one("select count(*) from fct_interactions where user_id = ? and weight > 0", user)
    return bool(known) or facts.users[user]["owned_item_id"] is not None


def _check_range(facts: Facts, user: str, item: dict[str, Any], text: str, language: str) -> bool:  # noqa: ARG001
    return bool(item["is_in_stock"])


_CHECKS: dict[str, Callable[..., bool]] = {
    "cart": _check_cart,
    "query": _check_query,
    "query_image": _check_kind("image_path"),
    "query_audio": _check_kind("audio_path"),
    "history": _check_history,
    "seen": _check_seen,
    "profile": _check_profile,
    "owned": _check_owned,
    "popular": _check_popular,
    "strength": _check_strength,
    "launch": _check_launch,
    "exploration": _check_exploration,
    "model": _check_model,
    "range": _check_range,
}


def _is_similarity_true(facts: Facts, row: dict[str, Any]) -> bool:
    """Return whether a similar phone shares and has more of what its row states."""
    item, other = facts.items[row["similar_item_id"]], facts.items[row["item_id"]]
    if row["reason"] == "similar overall":
        return True
    for part in _split(row["reason"], "en"):
        shared = part.removeprefix("also ")
        both = set(item["spec_tags"] or []) | set(item["color_tags"] or [])
        both &= set(other["spec_tags"] or []) | set(other["color_tags"] or [])
        if part == "similar price":
            is_true = abs(item["price"] - other["price"]) <= 0.15 * max(item["price"], other["price"]) + 0.01
        elif part == "same brand":
            is_true = item["brand"] == other["brand"]
        elif part.startswith("also "):
            parts = [(item[name], other[name]) for name in ("os", "chipset", "network", "display_type")]
            is_true = USES.get(shared, shared) in both or (shared, shared) in parts
        else:
            is_true = _share_what_matters(item, other) and _is_comparison_true(item, other, part)
        if not is_true:
            return False
    return True
