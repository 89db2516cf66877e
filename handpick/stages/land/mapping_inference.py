"""Infers mapping settings from sample values: formats of times and numbers, words for values, missing ids."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from handpick.contracts import Column, Contract

MIN_SHARE = 0.8
"""Share of the samples that a form must fit to be inferred."""

EPOCH_DIGITS = {10: "epoch_s", 13: "epoch_ms", 16: "epoch_us"}
TIME_FORMATS = (
    "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d", "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M", "%d/%m/%Y", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y", "%m %d, %Y", "%B %d, %Y",
    "%b %d, %Y", "%d %B %Y", "%d %b %Y", "%Y, %B", "%B %Y", "%b %Y", "%Y%m%d", "%Y",
)  # fmt: skip
"""Time formats, tried in this order; an ambiguous day and month is read with the day first."""

TIMES_IN_TEXT = {
    r"(\d{4}-\d{2}-\d{2})": "",
    r"(\d{4}, [A-Z][a-z]{2,8})": "%Y, %B",
    r"([A-Z][a-z]{2,8} \d{1,2}, \d{4})": "%B %d, %Y",
    r"(\d{1,2} [A-Z][a-z]{2,8} \d{4})": "%d %B %Y",
    r"\b((?:19|20)\d{2})\b": "%Y",
}
"""Patterns that find a time within a text, and the time format of what they find."""

WORDS_BY_VALUE = {
    "true": ("available", "in stock", "instock", "in_stock", "yes", "active", "on sale", "ja", "j", "oui",
             "si", "sí", "sim", "verfügbar", "lieferbar", "auf lager", "disponible", "en stock"),
    "false": ("discontinued", "cancelled", "canceled", "out of stock", "outofstock", "sold out", "rumored",
              "coming", "unavailable", "inactive", "no", "retired", "nein", "non", "não", "nee",
              "nicht verfügbar", "ausverkauft", "épuisé", "agotado", "esaurito"),
    "impression": ("show", "shown", "exposure", "display", "impressions", "angezeigt", "gezeigt"),
    "view": ("click", "clicked", "pageview", "page_view", "product_view", "detail", "viewed", "pv", "visit",
             "angesehen", "ansicht", "klick", "geklickt", "vu", "visto"),
    "cart": ("add_to_cart", "addtocart", "add-to-cart", "add", "basket", "fav", "wishlist", "add to cart",
             "warenkorb", "panier", "carrito", "carrello"),
    "purchase": ("buy", "bought", "order", "ordered", "transaction", "sale", "purchased", "checkout",
                 "gekauft", "kauf", "bestellt", "bestellung", "achat", "acheté", "compra", "comprado",
                 "acquisto"),
    "return": ("refund", "returned", "refunded", "retoure", "zurückgegeben", "retour", "devolución", "reso"),
    "rating": ("review", "rate", "rated", "stars", "feedback", "bewertung", "bewertet", "avis"),
}  # fmt: skip
"""By contract value, the words that shops write for it."""

CONTRACT_VALUES = {word: ours for ours, words in WORDS_BY_VALUE.items() for word in words}
"""The contract value of each of these words."""

CURRENCY_SIGNS = {"€": "EUR", "$": "USD", "£": "GBP", "¥": "CNY", "₹": "INR"}
RATING_WORDS = ("rating", "overall", "stars", "score")
"""Words in the name of the value column that mark a log without event types as ratings, not purchases."""

NUMBER_PATTERN = r"([+-]?\d+(?:[.,]\d+)*)"


@dataclass
class InferredMapping:
    """Inferred settings of one source, beyond the names of its columns; the keys are contract columns.

    The fields have the names of the settings of `[sources.<source>]`, except for `open_questions`, which are
    sentences about what only the owner can decide.
    """

    columns: dict[str, str] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    times: dict[str, str] = field(default_factory=dict)
    patterns: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)
    factors: dict[str, float] = field(default_factory=dict)
    values: dict[str, dict[str, str]] = field(default_factory=dict)
    collected: dict[str, list[str]] = field(default_factory=dict)
    hashed: list[str] = field(default_factory=list)
    open_questions: list[str] = field(default_factory=list)
    first_per_key: bool = False

    def describe_origin(self, column: str) -> str:
        """Describe where the values of an unmapped column come from; empty if it gets none."""
        if column in self.constants:
            return f"(always {self.constants[column]})"
        if column in self.hashed:
            return "(a hash of the row)"
        if column in self.collected:
            return "(all other columns)"
        return f"({self.columns[column]})" if column in self.columns else ""


def infer_mapping(
    contract: Contract, mapped: dict[str, str], samples: dict[str, list[str]]
) -> InferredMapping:
    """Infer settings of mapped columns from sample values, and substitutes for missing required columns.

    Args:
        contract: The contract of the source.
        mapped: Contract column to the owner's column.
        samples: Distinct values of each of the owner's columns.
    """
    found = InferredMapping()
    for name, theirs in mapped.items():
        _infer_values(contract.column(name), samples[theirs], found)
    missing = [name for name in contract.required_columns if name not in mapped]
    if contract.is_log and contract.key[0] in missing:
        found.hashed.append(contract.key[0])
    if "event_type" in missing:
        theirs = mapped.get("value", "").lower()
        found.constants["event_type"] = (
            "rating" if any(word in theirs for word in RATING_WORDS) else "purchase"
        )
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
        _infer_currency(mapped["price"], samples[mapped["price"]], found)
    return found


def _infer_values(column: Column, samples: Sequence[str], found: InferredMapping) -> None:
    """Add the inferred settings of one column."""
    if not samples:
        return
    if column.type in ("date", "timestamp"):
        pattern, written = infer_time_format(samples)
        if pattern:
            found.patterns[column.name] = pattern
        if written:
            found.times[column.name] = written
        found.open_questions += _list_questions(column.name, written, samples)
    elif column.type == "number":
        _infer_numbers(column, samples, found)
    elif column.type == "boolean" or column.allowed_values:
        _infer_words(column, samples, found)


def infer_time_format(samples: Sequence[str]) -> tuple[str, str]:
    """Infer how times are written.

    Returns:
        A pattern that extracts the time from its text, and the time format; both empty for ISO 8601 and where
        no format fits.
    """
    iso = r"\d{4}-\d{1,2}-\d{1,2}(?:$|[T ]\d)"
    if _compute_share(re.match(iso, text) is not None for text in samples) >= MIN_SHARE:
        return "", ""
    for digits, epoch in EPOCH_DIGITS.items():
        number = rf"\d{{{digits}}}(\.\d+)?"
        if _compute_share(re.fullmatch(number, text) is not None for text in samples) >= MIN_SHARE:
            return "", epoch
    for form in TIME_FORMATS:
        if _compute_share(_is_time(text, form) for text in samples) >= MIN_SHARE:
            return "", form
    for pattern, form in TIMES_IN_TEXT.items():
        if _compute_share(re.search(pattern, text) is not None for text in samples) >= MIN_SHARE:
            return pattern, form
    return "", ""


def _list_questions(name: str, written: str, samples: Sequence[str]) -> Iterator[str]:
    """Yield what the owner must decide about times: the order of day and month, and the time zone."""
    other = written.replace("%d/%m", "%m/%d")
    if other != written and all(_is_time(text, other) for text in samples):
        yield f"{name} may have the month first ({samples[0]}): then times.{name} = '{other}'."
    says_zone = written.startswith("epoch") or all(
        re.search(r"(?:Z|[+-]\d{2}:?\d{2})$", text) for text in samples
    )
    if any(re.search(r"\d:\d", text) for text in samples) and not says_zone:
        yield (
            f"{name} states no time zone and is read as UTC. If it is local time, set its zone, such as "
            "timezone = 'Europe/Berlin'."
        )


def _is_time(text: str, form: str) -> bool:
    """Return whether a text is a plausible time in a format."""
    try:
        return 1970 <= datetime.strptime(text.strip(), form).year < 2100
    except ValueError:
        return False


def _infer_numbers(column: Column, samples: Sequence[str], found: InferredMapping) -> None:
    """Add the pattern, the number form and the empty value of a numeric column."""
    numbers = [match.group() for text in samples if (match := re.search(NUMBER_PATTERN, text))]
    if len(numbers) < MIN_SHARE * len(samples):
        return
    if any(text.strip() != number for text, number in zip(samples, numbers, strict=False)):
        found.patterns[column.name] = NUMBER_PATTERN
    # One or two digits after the last comma are cents; three would be a group of thousands.
    if any(re.search(r",\d{1,2}$", number) for number in numbers):
        found.numbers[column.name] = "1.299,00"
    elif any("," in number for number in numbers):
        found.numbers[column.name] = "1,299.00"
    # Shops write 0 for an unknown price, where the contract wants none.
    zeros = [text for text in ("0", "0.0", "0.00") if text in numbers]
    if column.min_value and zeros:
        found.values[column.name] = dict.fromkeys(zeros, "")


def _infer_words(column: Column, samples: Sequence[str], found: InferredMapping) -> None:
    """Add the value mapping of a boolean column or of one with a list of allowed values."""
    if column.type == "boolean" and all(re.fullmatch(r"\d+(\.0+)?", text.strip()) for text in samples):
        if any(float(text) > 1 for text in samples):  # pieces in stock, not a boolean
            found.values[column.name] = {
                **{text: "false" for text in samples if not float(text)},
                "*": "true",
            }
        return
    known = column.allowed_values or (
        "true",
        "false",
        "t",
        "f",
        "yes",
        "no",
        "y",
        "n",
        "1",
        "0",
        "1.0",
        "0.0",
    )
    if all(text.strip().lower() in known for text in samples):
        return
    allowed = column.allowed_values or ("true", "false")
    mapping = {
        word: ours
        for text in samples
        for word in dict.fromkeys((text.strip(), re.split(r"[.,;:(]", text)[0].strip()))
        if (ours := CONTRACT_VALUES.get(word.lower())) in allowed and word.lower() not in known
    }
    if not mapping:
        return
    found.values[column.name] = mapping
    if any(text.strip() not in mapping and re.search(r"[.,;:(]", text) for text in samples):
        found.patterns[column.name] = r"^\s*([^.,;:(]*[^.,;:(\s])"


def _infer_currency(theirs: str, samples: Sequence[str], found: InferredMapping) -> None:
    """Add the currency that price texts state, by ISO 4217 code or by sign."""
    if _compute_share(re.search(r"\b[A-Z]{3}\b", text) is not None for text in samples) >= 0.5:
        found.columns["currency"] = theirs
        found.patterns["currency"] = r"\b([A-Z]{3})\b"
        return
    signs = {code for sign, code in CURRENCY_SIGNS.items() if any(sign in text for text in samples)}
    if len(signs) == 1:
        found.constants["currency"] = signs.pop()


def _compute_share(fits: Iterable[bool]) -> float:
    """Return the share of true values; 0 for none."""
    values = list(fits)
    return sum(values) / max(len(values), 1)


def render_toml_lines(found: InferredMapping, quote: Callable[[str], str]) -> Iterator[str]:
    """Yield the inferred settings as TOML: keys of the source's own table first, then its sub-tables.

    Args:
        found: The inferred settings.
        quote: Quotes a text as a TOML string.
    """
    if found.first_per_key:
        yield "first_per_key = true"
    yield from (f"# {question}" for question in found.open_questions)
    if found.hashed:
        names = ", ".join(quote(name) for name in found.hashed)
        yield f"hashed = [{names}]  # no column is unique: a hash of the row"
    for name, theirs in found.collected.items():
        names = ", ".join(quote(each) for each in theirs)
        yield f"collected.{name} = [{names}]  # columns that are mapped to nothing"
    for table in ("constants", "times", "patterns", "numbers"):
        for name, value in getattr(found, table).items():
            yield f"{table}.{name} = {quote(value)}"
    for name, factor in found.factors.items():
        yield f"factors.{name} = {factor}"
    for name, mapping in found.values.items():
        pairs = ", ".join(f"{quote(theirs)} = {quote(ours)}" for theirs, ours in mapping.items())
        yield f"values.{name} = {{ {pairs} }}"
