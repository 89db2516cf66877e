"""Infers mapping settings from sample values: formats of times and numbers, words for values, missing ids."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from handpick.contracts import Column, Contract
from handpick.stages.land.currencies import (
    AMBIGUOUS_WORDS,
    SIGN_CODES,
    SIGN_PATTERN,
    WORD_CODES,
    count_sign_codes,
    count_words,
    read_sign,
)
from handpick.stages.land.derived_columns import read_piece_counts
from handpick.stages.land.identifiers import SHORTENED_ID, is_identifier
from handpick.stages.land.number_inference import MIN_SHARE, NUMBER_PATTERN, infer_numbers
from handpick.stages.land.time_inference import infer_times

MAX_WORDS = 1_000
"""Distinct values of a column of words that are looked at; more are no words for a few meanings."""

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

BOOLEAN_WORDS = ("true", "false", "t", "f", "yes", "no", "y", "n", "1", "0", "1.0", "0.0")
TRUTH = dict.fromkeys(("t", "yes", "y", "1", "1.0"), "true") | dict.fromkeys(
    ("f", "no", "n", "0", "0.0"), "false"
)
"""What the words for a boolean mean, of those that the contract reads itself."""

RATE_HINT = "counts only with its rate in shop.exchange_rates; without one the price is unknown"
CONSENT_QUESTION = (
    "no column says which customers consented to recommendations: keep constants.consent = 'true' only if "
    "all did"
)
KNOWN_CURRENCIES = frozenset(
    ("EUR", "USD", "GBP", "INR", "CNY", "RMB", "JPY", "PLN", "TRY", "RUB", "BRL", "MXN", "CHF", "SEK", "PKR",
     "AED", "CAD", "AUD", "CZK", "UAH")
)  # fmt: skip
"""Currencies that are taken from the name of a price column."""
RATING_WORDS = ("rating", "overall", "stars", "score")
"""Words in the name of the value column that mark a log without event types as ratings, not purchases."""

EMPTY_WORDS = frozenset(
    {"null", "none", "nil", "nan", "n/a", "na", "#n/a", "#null!", "#value!", "#ref!", "nat", "<na>",
    "<null>", "-", "--",
     "---", "–", "—", ".", "?", "undefined", "unknown", "unbekannt", "k.a.", "k. a.", "keine angabe", "s/o",
     "n.d.", "nd",
     "\\n", "(null)", "[null]", "missing", "leer", "vide", "vacío", "0000-00-00", "0000-00-00 00:00:00"}
)  # fmt: skip
"""Words and signs that stand for an empty value, in small letters."""
TYPED = ("number", "boolean", "date", "timestamp", "json")


@dataclass
class InferredMapping:
    """Inferred settings of one source, beyond the names of its columns; the keys are contract columns.

    The fields have the names of the settings of `[sources.<source>]`, except for `open_questions`, which are
    parts of sentences about what only the owner can decide, `remarks` on what decided a doubt, and
    `zoneless`, a text of each column of times without a zone, and `several_currencies`, the code of the
    currency whose amounts are taken of prices in several.
    """

    columns: dict[str, str] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    times: dict[str, str | tuple[str, ...]] = field(default_factory=dict)
    patterns: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)
    factors: dict[str, float] = field(default_factory=dict)
    values: dict[str, dict[str, str]] = field(default_factory=dict)
    collected: dict[str, list[str]] = field(default_factory=dict)
    joined: dict[str, str] = field(default_factory=dict)
    hashed: list[str] = field(default_factory=list)
    header: list[str] = field(default_factory=list)
    mode: str = ""
    encoding: str = ""
    open_questions: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    zoneless: dict[str, str] = field(default_factory=dict)
    first_per_key: bool = False
    several_currencies: str = ""

    def describe_origin(self, column: str) -> str:
        """Describe where the values of an unmapped column come from; empty if it gets none."""
        if column in self.constants:
            return f"(always {self.constants[column]})"
        if column in self.joined:
            return f"({self.joined[column]})"
        if column in self.hashed:
            return "(a hash of the row)"
        if column in self.collected:
            return "(all other columns)"
        return f"({self.columns[column]})" if column in self.columns else ""


def infer_mapping(
    contract: Contract,
    mapped: dict[str, str],
    samples: dict[str, list[str]],
    whole: Mapping[str, pa.Array] | None = None,
    known_by: date | None = None,
) -> InferredMapping:
    """Infer settings of mapped columns from their values, and substitutes for missing required columns.

    Args:
        contract: The contract of the source.
        mapped: Contract column to the owner's column.
        samples: Some distinct values of each of the owner's columns.
        whole: All distinct, non-empty values of each mapped column, on which every proposal is verified; the
            samples by default.
        known_by: The day on which the rows were exported, if a file's name says it.
    """
    found = InferredMapping()
    for name, theirs in mapped.items():
        values = whole[theirs] if whole and theirs in whole else pa.array(samples[theirs], pa.string())
        _infer_values(contract.column(name), values, found, known_by)
    if found.zoneless:
        column, sample = next(iter(found.zoneless.items()))
        found.open_questions.append(
            f"{', '.join(found.zoneless)}: '{sample}' states no time zone and is read as UTC; if {column} "
            "is local time, set its zone, such as timezone = 'Europe/Berlin'"
        )
    missing = [name for name in contract.required_columns if name not in mapped]
    if contract.is_log and contract.key[0] in missing:
        found.hashed.append(contract.key[0])
    if "event_type" in missing:
        theirs = mapped.get("value", "").lower()
        kind = "rating" if any(word in theirs for word in RATING_WORDS) else "purchase"
        found.constants["event_type"] = kind
        found.open_questions.append(f"no column says what kind of event a row is: each counts as a {kind}")
    if "in_stock" in missing:
        found.constants["in_stock"] = "true"
        found.open_questions.append("no column says what is in stock: every phone counts as available")
    if "updated_at" in missing:
        found.constants["updated_at"] = "{logical_date}"
        found.open_questions.append(
            "no column is updated_at: rows count as changed on the night that brings them"
        )
    if "consent" in missing:
        found.constants["consent"] = "true"
        found.open_questions.append(CONSENT_QUESTION)
    spare = [name for name in samples if name not in mapped.values()]
    if contract.source == "catalog" and "specs" not in mapped and spare:
        found.collected["specs"] = ["*"]
    if "price" in mapped and re.search(r"cents?\b|_ct\b|pence|centimes", mapped["price"].lower()):
        found.factors["price"] = 0.01
    if "price" in mapped and "currency" not in mapped:
        theirs = mapped["price"]
        texts = whole[theirs].to_pylist() if whole and theirs in whole else samples[theirs]
        _infer_currency(theirs, samples[theirs], texts, found)
    return found


def _infer_values(column: Column, values: pa.Array, found: InferredMapping, known_by: date | None) -> None:
    """Add the inferred settings of one column, and what only the owner can decide about it."""
    empty = [text for text in _list_empty_words(column, values) if text != "\\N"]
    given = values.filter(pc.invert(pc.is_in(values, pa.array([*empty, "\\N"], pa.string()))))
    if empty and (column.type in TYPED or len(given)):
        found.values[column.name] = dict.fromkeys(empty, "")
    if not len(given):
        return
    if column.type in ("date", "timestamp"):
        _add_times(column, given, found, known_by)
    elif column.type == "number":
        _add_numbers(column, given, found)
    elif column.type == "boolean" or column.allowed_values:
        _infer_words(column, given.to_pylist()[:MAX_WORDS], found)
    if is_identifier(column):
        _ask_about_identifiers(column, given, found)


def _list_empty_words(column: Column, values: pa.Array) -> list[str]:
    """Return the values that stand for nothing; `nan` may be an id, and a search may be for `unknown`."""
    if is_identifier(column) or column.name in ("text", "title") or len(values) > MAX_WORDS * 100:
        return []
    return [text for text in values.to_pylist() if text.strip().lower() in EMPTY_WORDS][:20]


def _add_times(column: Column, values: pa.Array, found: InferredMapping, known_by: date | None) -> None:
    """Add how the times of a column are written."""
    times = infer_times(values, column.type, known_by if column.must_be_past else None)
    name = column.name
    if times.pattern:
        found.patterns[name] = times.pattern
    if times.forms:
        found.times[name] = times.setting
    if times.evidence:
        found.remarks.append(f"{name}: decided, as {times.evidence}.")
    if times.question:
        found.open_questions.append(f"{name} {times.question}; set times.{name}")
    elif not times.share:
        shown = ", ".join(f"'{text}'" for text in values[:3].to_pylist())
        found.open_questions.append(f"{name} is written in no way that is known ({shown}); set times.{name}")
    elif times.unread:
        shown = ", ".join(f"'{text}'" for text in times.unread)
        found.open_questions.append(
            f"{name}: {1 - times.share:.1%} of its values cannot be read, such as {shown}"
        )
    if times.unlikely:
        shown = ", ".join(f"'{text}'" for text in times.unlikely)
        found.open_questions.append(
            f"{name}: {shown} is read as a day long after all others, or before 1970: is it a typing error"
        )
    if times.has_clock and not times.has_zone:
        found.zoneless[name] = values[0].as_py()


def _add_numbers(column: Column, values: pa.Array, found: InferredMapping) -> None:
    """Add the pattern, the number form and the empty values of a numeric column."""
    name = column.name
    numbers = infer_numbers(values.to_pylist())
    if numbers.question:
        found.open_questions.append(f"{name}: {numbers.question}; see numbers.{name} and patterns.{name}")
    if numbers.share < MIN_SHARE:
        shown = ", ".join(f"'{text}'" for text in numbers.unread)
        if not numbers.question:
            found.open_questions.append(
                f"{name} holds no numbers that can be read ({shown}); set patterns.{name}"
            )
        return
    if numbers.pattern:
        found.patterns[name] = numbers.pattern
    if numbers.form:
        found.numbers[name] = numbers.form
    if numbers.currency:
        found.several_currencies = numbers.currency
    if numbers.foreign:
        shown = ", ".join(f"'{text}'" for text in numbers.foreign[:3])
        found.open_questions.append(
            f"{name}: {len(numbers.foreign) / len(values):.1%} of its values state none in "
            f"{numbers.currency}, such as {shown}: the first amount is taken, and {RATE_HINT}"
        )
    if numbers.unread:
        shown = ", ".join(f"'{text}'" for text in numbers.unread)
        found.open_questions.append(
            f"{name}: {1 - numbers.share:.1%} of its values cannot be read, such as {shown}"
        )
    # Shops write 0 for an unknown price, where the contract wants none.
    if column.min_value and numbers.zeros:
        zeros = [re.search(NUMBER_PATTERN, text) for text in numbers.zeros] if numbers.pattern else []
        texts = [match.group(1) for match in zeros if match] or numbers.zeros
        found.values.setdefault(name, {}).update(dict.fromkeys(texts, ""))


def _ask_about_identifiers(column: Column, values: pa.Array, found: InferredMapping) -> None:
    """Add the question about ids that a spreadsheet shortened: their last digits are lost."""
    lost = values.filter(pc.match_substring_regex(values, SHORTENED_ID))
    if len(lost):
        found.open_questions.append(
            f"{column.name} '{lost[0]}' was shortened by a spreadsheet and has lost digits: export it as text"
        )


def _infer_words(column: Column, samples: Sequence[str], found: InferredMapping) -> None:
    """Add the value mapping of a boolean column or of one with a list of allowed values."""
    known = column.allowed_values or BOOLEAN_WORDS
    allowed = column.allowed_values or ("true", "false")
    counts = _read_counts(samples) if column.can_be_count else [None] * len(samples)
    meanings: dict[str, str | None] = {}
    mapping: dict[str, str] = {}
    for text, count in zip(samples, counts, strict=True):
        word = text.strip()
        first = re.split(r"[.,;:(]", word)[0].strip()
        ours = next((CONTRACT_VALUES[each.lower()] for each in (word, first)
                     if CONTRACT_VALUES.get(each.lower()) in allowed), None)  # fmt: skip
        if count or word.lower() in known:
            meanings[text] = count or word.lower()
        else:
            meanings[text] = ours
            mapping |= {
                each: ours for each in (word, first) if ours and CONTRACT_VALUES.get(each.lower()) == ours
            }
    if column.can_be_count and len({TRUTH.get(str(ours), str(ours)) for ours in meanings.values()}) == 1:
        # A stock that is the same everywhere is no stock, and a mapping would hide it.
        shown = ", ".join(f"'{text}'" for text in samples[:3])
        result = next(iter(meanings.values()))
        found.open_questions.append(
            f"{column.name}: {shown} would all be {TRUTH.get(str(result), str(result))}: is that the stock; "
            f"set columns.{column.name} or values.{column.name}"
        )
        return
    if unknown := [text for text, ours in meanings.items() if ours is None]:
        shown = ", ".join(f"'{text[:60]}'" for text in unknown[:5])
        found.open_questions.append(
            f"{column.name} has values whose meaning is not known: {shown}; set values.{column.name}"
        )
    if not mapping:
        return
    found.values.setdefault(column.name, {}).update(mapping)
    if any(text.strip() not in mapping and re.search(r"[.,;:(]", text) for text in samples):
        found.patterns[column.name] = r"^\s*([^.,;:(]*[^.,;:(\s])"


def _read_counts(samples: Sequence[str]) -> list[str | None]:
    """Return `true` or `false` for each number of pieces, and None for other texts."""
    counts: list[str | None] = read_piece_counts(
        pa.chunked_array([pa.array(samples, pa.string())])
    ).to_pylist()
    return counts


def _infer_currency(
    theirs: str, samples: Sequence[str], texts: Sequence[str], found: InferredMapping
) -> None:
    """Add the currency that price texts state, by ISO 4217 code or by sign.

    Args:
        theirs: The owner's column of prices.
        samples: Some of its distinct texts.
        texts: All of them.
        found: What was inferred, changed in place.
    """
    if taken := found.several_currencies:
        codes = {code for text in samples for code in re.findall(r"\b[A-Z]{3}\b", text)} & KNOWN_CURRENCIES
        found.columns["currency"] = theirs
        signs = "|".join(re.escape(sign) for sign, code in SIGN_CODES.items() if code == taken)
        own = rf"(?s)^.*?\b({taken})\b" + (rf"|^.*?({signs})" if signs else "")
        found.patterns["currency"] = rf"{own}|\b([A-Z]{{3}})\b|({SIGN_PATTERN})"
        found.values["currency"] = {
            **{code: code for code in sorted(codes | {taken})},
            **_list_signs([*texts, *(sign for sign, code in SIGN_CODES.items() if code == taken)]),
            "*": taken,
        }
        found.remarks.append(f"Prices in several currencies are taken in {taken}.")
        return
    if _compute_share(re.search(r"\b[A-Z]{3}\b", text) is not None for text in samples) >= 0.5:
        found.columns["currency"] = theirs
        found.patterns["currency"] = r"\b([A-Z]{3})\b"
        return
    # `price_usd`, `Price (EUR)`: the header says it.
    named = [word for word in re.findall(r"[A-Za-z]{3}", theirs) if word.upper() in KNOWN_CURRENCIES]
    if len(named) == 1:
        found.constants["currency"] = named[0].upper()
        return
    counts = count_sign_codes(texts)
    if len(counts) == 1:
        found.constants["currency"] = next(iter(counts))
    elif counts:
        usual = max(sorted(counts), key=lambda code: counts[code])
        found.columns["currency"] = theirs
        found.patterns["currency"] = f"({SIGN_PATTERN})"
        found.values["currency"] = {**_list_signs(texts), "*": usual}
        others = [text for text in texts if read_sign(text) not in (None, usual)]
        shown = ", ".join(f"'{text}'" for text in others[:3])
        found.open_questions.append(
            f"price: {len(others) / len(texts):.1%} of its values are not in {usual}, such as {shown}: "
            f"each {RATE_HINT}"
        )
    else:
        _infer_currency_word(texts, found)


def _infer_currency_word(texts: Sequence[str], found: InferredMapping) -> None:
    """Add the currency that a word beside most prices means, and the question where none is stated."""
    word, count = max(count_words(texts).items(), key=lambda pair: (pair[1], pair[0]), default=("", 0))
    told = "prices count in shop.currency: set constants.currency if they are in another"
    if count < 0.5 * len(texts):
        found.open_questions.append(f"price: nothing states a currency; {told}")
    elif word not in WORD_CODES:
        found.open_questions.append(
            f"price: '{word}' beside the amounts is no currency that is known; {told}"
        )
    else:
        found.constants["currency"] = WORD_CODES[word]
        if word in AMBIGUOUS_WORDS:
            found.open_questions.append(
                f"price: '{word}' is taken for {WORD_CODES[word]}; set constants.currency if it is another"
            )


def _list_signs(texts: Sequence[str]) -> dict[str, str]:
    """Return the currencies that the signs in some texts stand for, by sign."""
    found = {sign for text in texts for sign in re.findall(SIGN_PATTERN, text)}
    return {sign: SIGN_CODES[sign] for sign in sorted(found & SIGN_CODES.keys())}


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
    yield from (f"# {remark}" for remark in found.remarks)
    if found.open_questions:
        yield "questions = [  # `handpick check` repeats each; delete it when you have answered it"
        yield from (f"  {quote(question)}," for question in found.open_questions)
        yield "]"
    if found.mode:
        yield f"mode = {quote(found.mode)}  # every file holds all rows: see docs/inputs.md"
    if found.header:
        yield f"header = [{', '.join(quote(name) for name in found.header)}]  # the files have no header line"
    if found.encoding:
        yield f"encoding = {quote(found.encoding)}"
    if found.hashed:
        names = ", ".join(quote(name) for name in found.hashed)
        yield f"hashed = [{names}]  # no column is unique: a hash of the row"
    for name, theirs in found.collected.items():
        names = ", ".join(quote(each) for each in theirs)
        yield f"collected.{name} = [{names}]  # columns that are mapped to nothing"
    for table in ("joined", "constants", "times", "patterns", "numbers"):
        for name, value in getattr(found, table).items():
            shown = (
                quote(value) if isinstance(value, str) else f"[{', '.join(quote(each) for each in value)}]"
            )
            yield f"{table}.{name} = {shown}"
    for name, factor in found.factors.items():
        yield f"factors.{name} = {factor}"
    for name, mapping in found.values.items():
        pairs = ", ".join(f"{quote(theirs)} = {quote(ours)}" for theirs, ours in mapping.items())
        yield f"values.{name} = {{ {pairs} }}"
