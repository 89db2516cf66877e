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
_FACTS_IN_ENGLISH: dict[str, tuple[tuple[str, str], ...]] = {
    "de": (
        (r"(N)-MP-Kamera statt (N) MP", r"\1 MP camera instead of \2"), (r"(N)-mAh-Akku statt (N) mAh", r"\1 mAh battery instead of \2"),
        (r"(N) GB Speicher statt (N) GB", r"\1 GB storage instead of \2"), (r"(N) GB Arbeitsspeicher statt (N) GB", r"\1 GB memory instead of \2"),
        (r"(N) W Ladeleistung statt (N) W", r"\1 W charging instead of \2"), (r"(N)-Hz-Display statt (N) Hz", r"\1 Hz screen instead of \2"),
        (r"(N)-Zoll-Display statt (N) Zoll", r"\1″ screen instead of \2″"), (r"(N) EUR günstiger", r"\1 EUR cheaper"),
        (r"(N) g leichter", r"\1 g lighter"), (r"(N) mm dünner", r"\1 mm thinner"),
        (r"(N)-MP-Kamera", r"\1 MP camera"), (r"(N)-MP-Frontkamera", r"\1 MP selfie camera"), (r"(N)-mAh-Akku", r"\1 mAh battery"),
        (r"(N) W Ladeleistung", r"\1 W charging"), (r"(N) GB Speicher", r"\1 GB storage"), (r"(N) GB Arbeitsspeicher", r"\1 GB memory"),
        (r"(N)-Hz-Display", r"\1 Hz screen"), (r"(N)-Zoll-Display", r"\1″ screen"), (r"(N) µm große Pixel", r"\1 µm pixels"),
        (r"(N) g", r"\1 g"), (r"(N) EUR", r"\1 EUR"), ("optischer Bildstabilisator", "OIS"), ("Kopfhöreranschluss", "headphone socket"),
        ("Dual-SIM", "dual SIM"), ("gute Kamera", "a strong camera"), ("großer Akku", "a large battery"), ("kompakt", "compact"),
        ("großes Display", "a large screen"), ("gut für Selfies", "made for selfies"), ("viel Speicher", "much storage"), ("schlank", "slim"),
        ("leicht", "light"), ("flüssiges Display", "a smooth screen"), ("schnelles Laden", "fast charging"),
    ),
    "fr": (
        (r"appareil photo de (N) MP au lieu de (N)", r"\1 MP camera instead of \2"), (r"batterie de (N) mAh au lieu de (N)", r"\1 mAh battery instead of \2"),
        (r"(N) Go de stockage au lieu de (N)", r"\1 GB storage instead of \2"), (r"(N) Go de mémoire au lieu de (N)", r"\1 GB memory instead of \2"),
        (r"charge de (N) W au lieu de (N)", r"\1 W charging instead of \2"), (r"écran (N) Hz au lieu de (N)", r"\1 Hz screen instead of \2"),
        (r"écran de (N) pouces au lieu de (N)", r"\1″ screen instead of \2″"), (r"(N) EUR de moins", r"\1 EUR cheaper"),
        (r"(N) g de moins", r"\1 g lighter"), (r"plus fin de (N) mm", r"\1 mm thinner"),
        (r"appareil photo de (N) MP", r"\1 MP camera"), (r"caméra selfie de (N) MP", r"\1 MP selfie camera"), (r"batterie de (N) mAh", r"\1 mAh battery"),
        (r"charge de (N) W", r"\1 W charging"), (r"(N) Go de stockage", r"\1 GB storage"), (r"(N) Go de mémoire", r"\1 GB memory"),
        (r"écran (N) Hz", r"\1 Hz screen"), (r"écran de (N) pouces", r"\1″ screen"), (r"pixels de (N) µm", r"\1 µm pixels"),
        (r"(N) g", r"\1 g"), (r"(N) EUR", r"\1 EUR"), ("stabilisation optique", "OIS"), ("prise casque", "headphone socket"),
        ("double SIM", "dual SIM"), ("bon appareil photo", "a strong camera"), ("grande batterie", "a large battery"), ("compact", "compact"),
        ("grand écran", "a large screen"), ("bon pour les selfies", "made for selfies"), ("grand stockage", "much storage"), ("fin", "slim"),
        ("léger", "light"), ("écran fluide", "a smooth screen"), ("charge rapide", "fast charging"),
    ),
    "es": (
        (r"cámara de (N) MP en lugar de (N)", r"\1 MP camera instead of \2"), (r"batería de (N) mAh en lugar de (N)", r"\1 mAh battery instead of \2"),
        (r"(N) GB de almacenamiento en lugar de (N)", r"\1 GB storage instead of \2"), (r"(N) GB de memoria en lugar de (N)", r"\1 GB memory instead of \2"),
        (r"carga de (N) W en lugar de (N)", r"\1 W charging instead of \2"), (r"pantalla de (N) Hz en lugar de (N)", r"\1 Hz screen instead of \2"),
        (r"pantalla de (N) pulgadas en lugar de (N)", r"\1″ screen instead of \2″"), (r"(N) EUR más barato", r"\1 EUR cheaper"),
        (r"(N) g más ligero", r"\1 g lighter"), (r"(N) mm más fino", r"\1 mm thinner"),
        (r"cámara de (N) MP", r"\1 MP camera"), (r"cámara de selfis de (N) MP", r"\1 MP selfie camera"), (r"batería de (N) mAh", r"\1 mAh battery"),
        (r"carga de (N) W", r"\1 W charging"), (r"(N) GB de almacenamiento", r"\1 GB storage"), (r"(N) GB de memoria", r"\1 GB memory"),
        (r"pantalla de (N) Hz", r"\1 Hz screen"), (r"pantalla de (N) pulgadas", r"\1″ screen"), (r"píxeles de (N) µm", r"\1 µm pixels"),
        (r"(N) g", r"\1 g"), (r"(N) EUR", r"\1 EUR"), ("estabilización óptica", "OIS"), ("toma de auriculares", "headphone socket"),
        ("doble SIM", "dual SIM"), ("buena cámara", "a strong camera"), ("batería grande", "a large battery"), ("compacto", "compact"),
        ("pantalla grande", "a large screen"), ("bueno para selfis", "made for selfies"), ("mucho almacenamiento", "much storage"), ("fino", "slim"),
        ("ligero", "light"), ("pantalla fluida", "a smooth screen"), ("carga rápida", "fast charging"),
    ),
}  # fmt: skip
"""What a fact, a use or a comparison of another language says in English; `N` is a number."""
_VERBS_IN_ENGLISH = {
    "de": {"angesehen": "viewed", "in den Warenkorb gelegt": "put in your cart", "gekauft": "bought", "bewertet": "rated"},
    "fr": {"consulté": "viewed", "mis dans votre panier": "put in your cart", "acheté": "bought", "noté": "rated"},
    "es": {"vio": "viewed", "puso en su cesta": "put in your cart", "compró": "bought", "valoró": "rated"},
}  # fmt: skip
_IN_ENGLISH: dict[str, tuple[tuple[str, str], ...]] = {
    "de": (
        (r"liegt noch in Ihrem Warenkorb", "still in your cart"),
        (r"weil Sie nach „(?P<q>.*)“ gefragt haben", "because you asked for «{q}»"),
        (r"Ihre Frage „(?P<q>.*)“: (?P<facts>.*)", "you asked for «{q}»: {facts}"),
        (r"wegen des Bildes, das Sie geschickt haben", "because of the picture you sent"),
        (r"wegen Ihrer gesprochenen Frage", "because of what you asked by voice"),
        (r"ähnlich wie das (?P<t>.*), das Sie (?P<did>VERB) haben(?:, (?P<facts>.*))?", "like the {t} you {did}{, facts}"),
        (r"weil Sie das (?P<t>.*) (?P<did>VERB) haben", "because you {did} the {t}"),
        (r"am (?P<d>.*) von Ihnen angesehen", "you looked at it on {d}"),
        (r"im Preis wie (?P<n>\d+) der (?P<m>\d+) Handys, die Sie angesehen haben", "priced like {n} of the {m} phones you looked at"),
        (r"(?P<fact>.*), wie (?P<n>\d+) der (?P<m>\d+) Handys, die Sie angesehen haben", "{fact}, like {n} of the {m} phones you looked at"),
        (r"statt Ihres (?P<t>.*): (?P<facts>.*)", "instead of your {t}: {facts}"),
        (r"bei unseren Kunden beliebt", "popular with our customers"),
        (r"beliebt (?P<c>.*)", "popular {c}"),
        (r"einmal etwas anderes", "something different to discover"),
        (r"einmal etwas anderes: (?P<fact>.*): mehr als (?P<n>\d) von 10 Handys dieser Preisklasse", "something different: {fact}: more than {n} of 10 phones at its price"),
        (r"(?P<fact>.*): mehr als (?P<n>\d) von 10 Handys dieser Preisklasse", "{fact}: more than {n} of 10 phones at its price"),
        (r"neu in dieser Woche", "new this week"),
        (r"passt gut zu Ihrem Profil", "a strong match for your profile"),
        (r"aus unserem Sortiment", "from our range"),
    ),
    "fr": (
        (r"toujours dans votre panier", "still in your cart"),
        (r"parce que vous avez demandé «\s(?P<q>.*)\s»", "because you asked for «{q}»"),
        (r"vous avez demandé «\s(?P<q>.*)\s»\s: (?P<facts>.*)", "you asked for «{q}»: {facts}"),
        (r"d’après l’image que vous avez envoyée", "because of the picture you sent"),
        (r"d’après votre question à voix haute", "because of what you asked by voice"),
        (r"comme le (?P<t>.*) que vous avez (?P<did>VERB)(?:, (?P<facts>.*))?", "like the {t} you {did}{, facts}"),
        (r"parce que vous avez (?P<did>VERB) le (?P<t>.*)", "because you {did} the {t}"),
        (r"vous l’avez consulté le (?P<d>.*)", "you looked at it on {d}"),
        (r"au prix de (?P<n>\d+) des (?P<m>\d+) téléphones que vous avez consultés", "priced like {n} of the {m} phones you looked at"),
        (r"(?P<fact>.*), comme (?P<n>\d+) des (?P<m>\d+) téléphones que vous avez consultés", "{fact}, like {n} of the {m} phones you looked at"),
        (r"à la place de votre (?P<t>.*)\s: (?P<facts>.*)", "instead of your {t}: {facts}"),
        (r"apprécié de nos clients", "popular with our customers"),
        (r"apprécié (?P<c>.*)", "popular {c}"),
        (r"pour découvrir autre chose", "something different to discover"),
        (r"pour découvrir autre chose\s: (?P<fact>.*)\s: plus que (?P<n>\d) téléphones sur 10 à ce prix", "something different: {fact}: more than {n} of 10 phones at its price"),
        (r"(?P<fact>.*)\s: plus que (?P<n>\d) téléphones sur 10 à ce prix", "{fact}: more than {n} of 10 phones at its price"),
        (r"nouveau cette semaine", "new this week"),
        (r"correspond bien à votre profil", "a strong match for your profile"),
        (r"dans notre catalogue", "from our range"),
    ),
    "es": (
        (r"sigue en su cesta", "still in your cart"),
        (r"porque preguntó por «(?P<q>.*)»", "because you asked for «{q}»"),
        (r"preguntó por «(?P<q>.*)»: (?P<facts>.*)", "you asked for «{q}»: {facts}"),
        (r"por la imagen que envió", "because of the picture you sent"),
        (r"por lo que preguntó de viva voz", "because of what you asked by voice"),
        (r"como el (?P<t>.*) que usted (?P<did>VERB)(?:, (?P<facts>.*))?", "like the {t} you {did}{, facts}"),
        (r"porque (?P<did>VERB) el (?P<t>.*)", "because you {did} the {t}"),
        (r"lo vio el (?P<d>.*)", "you looked at it on {d}"),
        (r"de precio parecido a (?P<n>\d+) de los (?P<m>\d+) móviles que vio", "priced like {n} of the {m} phones you looked at"),
        (r"(?P<fact>.*), como (?P<n>\d+) de los (?P<m>\d+) móviles que vio", "{fact}, like {n} of the {m} phones you looked at"),
        (r"en lugar de su (?P<t>.*): (?P<facts>.*)", "instead of your {t}: {facts}"),
        (r"popular entre nuestros clientes", "popular with our customers"),
        (r"popular (?P<c>.*)", "popular {c}"),
        (r"algo distinto por descubrir", "something different to discover"),
        (r"algo distinto: (?P<fact>.*): más que (?P<n>\d) de cada 10 móviles de su precio", "something different: {fact}: more than {n} of 10 phones at its price"),
        (r"(?P<fact>.*): más que (?P<n>\d) de cada 10 móviles de su precio", "{fact}: more than {n} of 10 phones at its price"),
        (r"novedad de esta semana", "new this week"),
        (r"encaja bien con su perfil", "a strong match for your profile"),
        (r"de nuestro catálogo", "from our range"),
    ),
}  # fmt: skip
"""What a sentence of another language says in English; blanks are copied, facts and verbs translated too."""
_COUNTRIES = {
    "en": {"DE": "in Germany", "FR": "in France", "GB": "in the United Kingdom", "US": "in the United States", "ES": "in Spain",
           "CN": "in China", "TW": "in Taiwan", "IN": "in India"},
    "de": {"DE": "in Deutschland"},
    "fr": {"FR": "en France"},
    "es": {"ES": "en España"},
    "zh": {"CN": "在中国", "TW": "在台湾"},
}  # fmt: skip
"""Where the demo shop's customers of each language live, in their words."""


def _translate_fact(text: str, language: str) -> str:
    """Return what a fact or a comparison says in English; a text that is none is returned as it is."""
    for pattern, english in _FACTS_IN_ENGLISH[language]:
        if found := re.fullmatch(
            pattern.replace("N", r"[\d.,\u202f\u00a0]+") if "N" in pattern else pattern, text
        ):
            # Decimals and thousands change their signs.
            return (
                found.expand(english) if not found.groups() else _swap_signs(found.expand(english), language)
            )
    return text


def _swap_signs(text: str, language: str) -> str:
    """Write the numbers of a text as English does."""
    plain = re.sub("[\u202f\u00a0]", "", text) if language == "fr" else text.replace(".", "")
    return re.sub(r"(\d),(\d)", r"\1.\2", plain)


def translate(text: str, language: str) -> str:
    """Return the English sentence that says the same; a sentence that is not understood is returned as it is."""
    if language not in _IN_ENGLISH:
        return text
    verbs = _VERBS_IN_ENGLISH[language]
    for pattern, english in _IN_ENGLISH[language]:
        found = re.fullmatch(pattern.replace("VERB", "|".join(verbs)), text)
        if found is None:
            continue
        blanks = {name: value for name, value in found.groupdict().items() if value is not None}
        if "facts" in blanks:
            parts = re.split(r", ", blanks["facts"])
            blanks["facts"] = ", ".join(_translate_fact(part, language) for part in parts)
        if "fact" in blanks:
            blanks["fact"] = _translate_fact(blanks["fact"], language)
        if "did" in blanks:
            blanks["did"] = verbs[blanks["did"]]
        return english.replace("{, facts}", ", {facts}" if "facts" in blanks else "").format(**blanks)
    return text


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
        "general_share": sum(
            row["n"]
            for row in all_rows
            if any(translate(row["reason"], language) in GENERAL for language in ("en", *_IN_ENGLISH))
        )
        / total,
        "colour_first_share": sum(row["n"] for row in opening if row["first"].removeprefix("also ") in colors)
        / sum(row["n"] for row in opening),
        "flagship_share_where_simple": _measure_flagships(facts),
        "answered_query_share": facts.one(
            "select avg((not regexp_matches(reason, '^(because|因为|weil|parce que|porque) ?'))::int) "
            "from recommendations where reason_code = 'query'"
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
    item, user = facts.items[row["item_id"]], facts.users[row["user_id"]]
    language = (user["locale"] or "en")[:2]
    text = translate(row["reason"], language)
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
    place = _COUNTRIES[language].get(country or "", "nowhere")
    return people >= MIN_PEOPLE and (everywhere or text in (f"popular {place}", f"{place}热销"))


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
