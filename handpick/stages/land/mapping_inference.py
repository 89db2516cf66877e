"""What a mapping needs beyond names, read off the owner's values: how times and numbers are written, words, identifiers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from handpick.contracts import Column, Contract

ENOUGH = 0.8
"""Share of the samples that a reading must fit."""

EPOCHS = {10: "epoch_s", 13: "epoch_ms", 16: "epoch_us"}
WHOLE_TIMES = (
    "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d", "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M", "%d/%m/%Y", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y", "%m %d, %Y", "%B %d, %Y",
    "%b %d, %Y", "%d %B %Y", "%d %b %Y", "%Y, %B", "%B %Y", "%b %Y", "%Y%m%d", "%Y",
)  # fmt: skip
TIMES_IN_TEXT = {
    r"(\d{4}-\d{2}-\d{2})": "",
    r"(\d{4}, [A-Z][a-z]{2,8})": "%Y, %B",
    r"([A-Z][a-z]{2,8} \d{1,2}, \d{4})": "%B %d, %Y",
    r"(\d{1,2} [A-Z][a-z]{2,8} \d{4})": "%d %B %Y",
    r"\b((?:19|20)\d{2})\b": "%Y",
}
WORDS = {
    "true": ("available", "in stock", "instock", "in_stock", "yes", "active", "on sale", "ja", "j", "oui", "si", "sí",
             "sim", "verfügbar", "lieferbar", "auf lager", "disponible", "en stock"),
    "false": ("discontinued", "cancelled", "canceled", "out of stock", "outofstock", "sold out", "rumored", "coming",
              "unavailable", "inactive", "no", "retired", "nein", "non", "não", "nee", "nicht verfügbar", "ausverkauft",
              "épuisé", "agotado", "esaurito"),
    "impression": ("show", "shown", "exposure", "display", "impressions", "angezeigt", "gezeigt"),
    "view": ("click", "clicked", "pageview", "page_view", "product_view", "detail", "viewed", "pv", "visit", "angesehen", "ansicht",
             "klick", "geklickt", "vu", "visto"),
    "cart": ("add_to_cart", "addtocart", "add-to-cart", "add", "basket", "fav", "wishlist", "add to cart", "warenkorb",
             "panier", "carrito", "carrello"),
    "purchase": ("buy", "bought", "order", "ordered", "transaction", "sale", "purchased", "checkout", "gekauft", "kauf",
                 "bestellt", "bestellung", "achat", "acheté", "compra", "comprado", "acquisto"),
    "return": ("refund", "returned", "refunded", "retoure", "zurückgegeben", "retour", "devolución", "reso"),
    "rating": ("review", "rate", "rated", "stars", "feedback", "bewertung", "bewertet", "avis"),
}  # fmt: skip
OURS = {word: ours for ours, words in WORDS.items() for word in words}
SYMBOLS = {"€": "EUR", "$": "USD", "£": "GBP", "¥": "CNY", "₹": "INR"}
OPINIONS = ("rating", "overall", "stars", "score")
NUMBER = r"([+-]?\d+(?:[.,]\d+)*)"


@dataclass
class Completion:
    """Settings of one source that names alone do not give; the keys are contract columns."""

    columns: dict[str, str] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    times: dict[str, str] = field(default_factory=dict)
    patterns: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)
    factors: dict[str, float] = field(default_factory=dict)
    values: dict[str, dict[str, str]] = field(default_factory=dict)
    collected: dict[str, list[str]] = field(default_factory=dict)
    hashed: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    first_per_key: bool = False

    def told(self, column: str) -> str:
        """Where a column that the owner does not have comes from, in words; empty if from nowhere."""
        if column in self.constants:
            return f"(always {self.constants[column]})"
        if column in self.hashed:
            return "(a hash of the row)"
        if column in self.collected:
            return "(all other columns)"
        return f"({self.columns[column]})" if column in self.columns else ""


def completed(contract: Contract, mapped: dict[str, str], samples: dict[str, list[str]]) -> Completion:
    """What the owner's values say about the mapped columns, and what stands in for required ones that are missing.

    Args:
        contract: The source's contract.
        mapped: Contract column to the owner's.
        samples: Different values of each of the owner's columns.
    """
    found = Completion()
    for name, theirs in mapped.items():
        _read_values(contract.column(name), samples[theirs], found)
    missing = [name for name in contract.required if name not in mapped]
    if contract.is_log and contract.key[0] in missing:
        found.hashed.append(contract.key[0])
    if "event_type" in missing:
        theirs = mapped.get("value", "").lower()
        found.constants["event_type"] = "rating" if any(word in theirs for word in OPINIONS) else "purchase"
    if "in_stock" in missing:
        found.constants["in_stock"] = "true"
    if "updated_at" in missing:
        found.constants["updated_at"] = "{logical_date}"
    if "consent" in missing:
        found.constants["consent"] = "true"
    spare = [name for name in samples if name not in mapped.values()]
    if contract.source == "catalog" and "specs" not in mapped and len(spare) >= 5:
        found.collected["specs"] = ["*"]
    if "price" in mapped and re.search(r"cents?\b|_ct\b|pence|centimes", mapped["price"].lower()):
        found.factors["price"] = 0.01
    if "price" in mapped and "currency" not in mapped:
        _read_currency(mapped["price"], samples[mapped["price"]], found)
    return found


def _read_values(column: Column, samples: Sequence[str], found: Completion) -> None:
    if not samples:
        return
    if column.type in ("date", "timestamp"):
        pattern, written = time_form(samples)
        if pattern:
            found.patterns[column.name] = pattern
        if written:
            found.times[column.name] = written
        found.doubts += _doubts(column.name, written, samples)
    elif column.type == "number":
        _read_numbers(column, samples, found)
    elif column.type == "boolean" or column.one_of:
        _read_words(column, samples, found)


def time_form(samples: Sequence[str]) -> tuple[str, str]:
    """How times are written: a pattern that cuts them out of their text, and their form; both empty for ISO."""
    if (
        _share(samples, lambda text: re.match(r"\d{4}-\d{1,2}-\d{1,2}(?:$|[T ]\d)", text) is not None)
        >= ENOUGH
    ):
        return "", ""
    for digits, epoch in EPOCHS.items():
        if (
            _share(samples, lambda text, n=digits: re.fullmatch(rf"\d{{{n}}}(\.\d+)?", text) is not None)
            >= ENOUGH
        ):
            return "", epoch
    for form in WHOLE_TIMES:
        if _share(samples, lambda text, form=form: _is_time(text, form)) >= ENOUGH:
            return "", form
    for pattern, form in TIMES_IN_TEXT.items():
        if _share(samples, lambda text, p=pattern: re.search(p, text) is not None) >= ENOUGH:
            return pattern, form
    return "", ""


def _doubts(name: str, written: str, samples: Sequence[str]) -> Iterator[str]:
    """What a person must decide about times: the order of day and month, and the zone."""
    other = written.replace("%d/%m", "%m/%d")
    if other != written and all(_is_time(text, other) for text in samples):
        yield f"{name} may have the month first ({samples[0]}): then times.{name} = '{other}'."
    says_zone = written.startswith("epoch") or all(
        re.search(r"(?:Z|[+-]\d{2}:?\d{2})$", text) for text in samples
    )
    if any(re.search(r"\d:\d", text) for text in samples) and not says_zone:
        yield f"{name} states no time zone and is read as UTC. If it is local: timezone = 'Europe/Berlin', say."


def _is_time(text: str, form: str) -> bool:
    try:
        return 1970 <= datetime.strptime(text.strip(), form).year < 2100
    except ValueError:
        return False


def _read_numbers(column: Column, samples: Sequence[str], found: Completion) -> None:
    cut = [match.group() for text in samples if (match := re.search(NUMBER, text))]
    if len(cut) < ENOUGH * len(samples):
        return
    if any(text.strip() != number for text, number in zip(samples, cut, strict=False)):
        found.patterns[column.name] = NUMBER
    if any(re.search(r",\d{1,2}$", number) for number in cut):
        found.numbers[column.name] = "1.299,00"
    elif any("," in number for number in cut):
        found.numbers[column.name] = "1,299.00"
    nothing = [text for text in ("0", "0.0", "0.00") if text in cut]
    if column.at_least and nothing:
        found.values[column.name] = dict.fromkeys(nothing, "")


def _read_words(column: Column, samples: Sequence[str], found: Completion) -> None:
    if column.type == "boolean" and all(re.fullmatch(r"\d+(\.0+)?", text.strip()) for text in samples):
        if any(float(text) > 1 for text in samples):  # a number of pieces
            found.values[column.name] = {
                **{text: "false" for text in samples if not float(text)},
                "*": "true",
            }
        return
    known = column.one_of or ("true", "false", "t", "f", "yes", "no", "y", "n", "1", "0", "1.0", "0.0")
    if all(text.strip().lower() in known for text in samples):
        return
    wanted = column.one_of or ("true", "false")
    mapping = {
        word: ours
        for text in samples
        for word in dict.fromkeys((text.strip(), re.split(r"[.,;:(]", text)[0].strip()))
        if (ours := OURS.get(word.lower())) in wanted and word.lower() not in known
    }
    if not mapping:
        return
    found.values[column.name] = mapping
    if any(text.strip() not in mapping and re.search(r"[.,;:(]", text) for text in samples):
        found.patterns[column.name] = r"^\s*([^.,;:(]*[^.,;:(\s])"


def _read_currency(theirs: str, samples: Sequence[str], found: Completion) -> None:
    if _share(samples, lambda text: re.search(r"\b[A-Z]{3}\b", text) is not None) >= 0.5:
        found.columns["currency"] = theirs
        found.patterns["currency"] = r"\b([A-Z]{3})\b"
        return
    signs = {code for sign, code in SYMBOLS.items() if any(sign in text for text in samples)}
    if len(signs) == 1:
        found.constants["currency"] = signs.pop()


def _share(samples: Sequence[str], fits) -> float:  # type: ignore[no-untyped-def]
    return sum(bool(fits(text)) for text in samples) / max(len(samples), 1)


def toml_lines(found: Completion, quoted) -> Iterator[str]:  # type: ignore[no-untyped-def]
    """The completion as TOML: keys of the source's own table first, then its tables."""
    if found.first_per_key:
        yield "first_per_key = true"
    yield from (f"# {doubt}" for doubt in found.doubts)
    if found.hashed:
        yield f"hashed = [{', '.join(quoted(name) for name in found.hashed)}]  # no column is unique: a hash of the row"
    for name, theirs in found.collected.items():
        yield f"collected.{name} = [{', '.join(quoted(each) for each in theirs)}]  # columns that are mapped to nothing"
    for table in ("constants", "times", "patterns", "numbers"):
        for name, value in getattr(found, table).items():
            yield f"{table}.{name} = {quoted(value)}"
    for name, factor in found.factors.items():
        yield f"factors.{name} = {factor}"
    for name, mapping in found.values.items():
        pairs = ", ".join(f"{quoted(theirs)} = {quoted(ours)}" for theirs, ours in mapping.items())
        yield f"values.{name} = {{ {pairs} }}"
