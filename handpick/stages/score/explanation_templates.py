"""Text templates of the explanations, one file for each language.

They are filled with known facts only; unknown ones are left out. Sentences never count one of a thing (the
smallest number that is named is two), so that no language needs more than its plural.
"""

from __future__ import annotations

import tomllib
from datetime import date
from functools import lru_cache
from importlib.resources import files

from babel import Locale, UnknownLocaleError
from babel.dates import format_skeleton
from babel.numbers import format_decimal

from handpick.settings.shop import LANGUAGES

_FILES = {
    language: tomllib.loads((files(__package__) / "languages" / f"{language}.toml").read_text("utf-8"))
    for language in LANGUAGES
}


def _get_section(section: str) -> dict[str, dict[str, str]]:
    """Return a section of each language's file."""
    return {language: content[section] for language, content in _FILES.items()}


REASON_TEMPLATES = _get_section("reasons")
"""Sentences by language and reason code."""
VERBS = _get_section("verbs")
"""What a user did with a phone, by language and event type."""
FACT_TEMPLATES = _get_section("facts")
"""Facts of a phone, by language."""
ADVANTAGE_TEMPLATES = _get_section("advantages")
"""Advantages of one phone over another, by language and fact."""
COMMON_TEMPLATES = _get_section("common")
"""What two phones share, by language and kind of fact."""
TAG_NAMES = _get_section("tags")
"""Tags that say what a phone is good for, in words, by language."""
COMMA: dict[str, str] = {language: content["comma"] for language, content in _FILES.items()}
"""Separator of two facts, by language."""
_IN_COUNTRY: dict[str, dict[str, str]] = {
    language: {code: phrase for phrase, codes in content["in_country"].items() for code in codes}
    for language, content in _FILES.items()
}
"""Phrases of the countries that do not take a language's usual one."""
_IN_ANY_COUNTRY: dict[str, str] = {
    language: next(iter(content["in_country"])) for language, content in _FILES.items()
}


def choose_language(locale: str, offered: tuple[str, ...]) -> str:
    """Choose the language of a locale such as `zh-CN` if it is offered, else the first that is offered."""
    code = locale.replace("_", "-").split("-")[0].lower()
    return code if code in offered else offered[0]


@lru_cache(maxsize=4096)
def name_country(code: str, language: str) -> str:
    """Return a country's name in a language ("India"); what is no country's code stays as it is."""
    try:
        return str(Locale.parse(language).territories.get(code.upper(), code))
    except (UnknownLocaleError, ValueError):
        return code


@lru_cache(maxsize=4096)
def locate_in_country(code: str, language: str) -> str:
    """Return "in" a country in a language, as its grammar wants it: "in the Netherlands", "au Japon"."""
    phrase = _IN_COUNTRY[language].get(code.upper(), _IN_ANY_COUNTRY[language])
    return phrase.format(country=name_country(code, language))


@lru_cache(maxsize=65_536)
def format_number(value: float, language: str, digits: int = 1) -> str:
    """Format a number as a language writes it, with at most so many decimals: 5,000 or 6.1."""
    return str(format_decimal(round(value, digits), format=f"#,##0.{'#' * digits}", locale=language))


@lru_cache(maxsize=4096)
def format_day(day: date, language: str) -> str:
    """Format a day without its year as a language writes it ("Feb 27")."""
    return str(format_skeleton("MMMd", day, locale=language))
