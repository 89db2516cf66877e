"""Simulates search queries as text, picture and voice.

Each modality reveals wishes that the others do not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from handpick.demo.array_types import Ints
from handpick.demo.customers import LOCALES, Customers
from handpick.demo.parameters import Plan
from handpick.demo.phones import FINISHES, LAYOUTS
from handpick.demo.phrases import BUDGETS, OPENINGS, PERSONAS, QUERY_PHRASES, SPECS
from handpick.demo.pictures import PhoneLook, draw_picture
from handpick.demo.sessions import SECOND
from handpick.runtime.speech_synthesis import VOICES, synthesize_speech

HUES, HUE_NOISE = 16, 0.15
PERSONA_SHARPNESS, SPEC_SHARPNESS = 2.0, 2.5
"""Inverse temperatures of the softmax over tastes by which wishes are drawn."""

BUDGET_LEVELS = (5.5, 6.0)
"""Natural logarithms of EUR that separate low, middle and high budgets."""

PHOTOS = 3
"""Number of different customer photos of each combination of looks."""

MODALITY_SHARES = {"text": 0.65, "image": 0.4, "audio": 0.35}
"""Probability that a query uses each modality; a query that would use none has a text."""


@dataclass(frozen=True)
class Query:
    """One query.

    Args:
        user: Row of the customer.
        at: Microseconds since 1970 UTC.
        text: Typed words, or None.
        image: Path of the picture and a function that returns its bytes, or None.
        audio: Path of the recording and a function that returns its bytes, or None.
    """

    user: int
    at: int
    text: str | None
    image: tuple[str, Callable[[], bytes]] | None
    audio: tuple[str, Callable[[], bytes]] | None


def draw_query_authors(plan: Plan, customers: Customers, day: int) -> Ints:
    """Draw the customers who send queries on a day; return their rows, once per query."""
    random = plan.stream("askers", day)
    may_ask = (customers.signup_day <= day) & (customers.ask_rate > 0)
    asks = random.poisson(customers.ask_rate * may_ask)
    asks_at_signup = (customers.signup_day == day) & may_ask & (random.random(len(customers)) < 0.6)
    return np.repeat(np.arange(len(customers)), np.maximum(asks, asks_at_signup))


def simulate_queries(plan: Plan, customers: Customers, authors: Ints, day: int) -> list[Query]:
    """Simulate the queries of a day, in order of time.

    Args:
        plan: The plan, for its difficulty and random streams.
        customers: All customers.
        authors: Rows of the customers, once per query.
        day: The day, counted from 0.
    """
    random = plan.stream("asking", day)
    at = np.sort(plan.micros_of(day) + random.integers(6 * 3600, 23 * 3600, len(authors)) * SECOND)
    return [
        _simulate_query(plan, customers, int(user), int(moment), random)
        for user, moment in zip(random.permutation(authors), at, strict=True)
    ]


def _simulate_query(
    plan: Plan, customers: Customers, user: int, at: int, random: np.random.Generator
) -> Query:
    """Simulate one query: draw its modalities, and divide persona, spec and budget wishes among them."""
    uses = {kind: bool(random.random() < share) for kind, share in MODALITY_SHARES.items()}
    uses["image"] &= plan.catalog_digest is None  # real phones have no looks to ask for
    if not any(uses.values()):
        uses["text"] = True
    language = LOCALES[int(customers.country[user])][:2]
    language = language if language == "zh" else "en"
    persona, spec, budget = _draw_wishes(plan, customers, user, random)
    if uses["text"] and uses["audio"]:
        # With both modalities the persona is typed and the rest spoken: neither is enough alone.
        typed, spoken = [persona], [spec, budget] if random.random() < 0.5 else [spec]
    else:
        typed = [persona, spec] if random.random() < 0.4 else [persona]
        spoken = [spec, persona] if random.random() < 0.7 else [spec, budget]
    text = None
    if uses["text"]:
        opening = OPENINGS[language][int(random.integers(len(OPENINGS[language])))]
        glue = "，" if language == "zh" else ", "
        text = opening + glue.join(_draw_phrase(wish, language, random) for wish in typed)
    image = _build_photo(plan, customers, user, random) if uses["image"] else None
    audio = _build_speech(spoken, language, random) if uses["audio"] else None
    return Query(user, at, text, image, audio)


def _draw_wishes(
    plan: Plan, customers: Customers, user: int, random: np.random.Generator
) -> tuple[str, str, str]:
    """Draw a persona, a spec and a budget wish of a customer.

    Each is random with the probability `query_noise`.
    """
    tastes = customers.persona[user]
    persona = PERSONAS[int(random.choice(len(PERSONAS), p=_softmax(PERSONA_SHARPNESS * tastes)))]
    dimension = int(random.choice(4, p=_softmax(SPEC_SHARPNESS * np.abs(customers.specs[user]))))
    sign = "+" if customers.specs[user, dimension] > 0 else "-"
    level = int(np.searchsorted(BUDGET_LEVELS, customers.budget[user]))
    noisy = random.random(3) < plan.difficulty_parameters.query_noise
    if noisy[0]:
        persona = PERSONAS[int(random.integers(len(PERSONAS)))]
    if noisy[1]:
        dimension, sign = int(random.integers(4)), str(random.choice(["+", "-"]))
    if noisy[2]:
        level = int(random.integers(3))
    return persona, SPECS[dimension] + sign, BUDGETS[level]


def _softmax(
    values: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return the softmax of `(n,)` values."""
    # Without the maximum, large tastes would overflow.
    weights = np.exp(values - values.max())
    return weights / weights.sum()


def _draw_phrase(wish: str, language: str, random: np.random.Generator) -> str:
    """Draw a phrase for a wish."""
    ways = QUERY_PHRASES[wish][language]
    return ways[int(random.integers(len(ways)))]


def _build_photo(
    plan: Plan, customers: Customers, user: int, random: np.random.Generator
) -> tuple[str, Callable[[], bytes]]:
    """Return path and drawing function of a photo of the looks that a customer likes best.

    Its hue is one of `HUES` steps.
    """
    taste = customers.style[user]
    hue = float(np.arctan2(taste[1], taste[0])) + float(random.normal(0, HUE_NOISE))
    # Few distinct looks: customers share the same photos, which bounds the number of files.
    level = round(hue / (2 * np.pi) * HUES) % HUES
    is_round = bool(taste[2] > 0)
    layout = int(np.argmax(taste[3 : 3 + len(LAYOUTS)]))
    finish = int(np.argmax(taste[3 + len(LAYOUTS) :]))
    if random.random() < plan.difficulty_parameters.query_noise:
        level = int(random.integers(HUES))
    take = int(random.integers(PHOTOS))
    shape = "round" if is_round else "sharp"
    name = f"images/photo-{level:02d}-{shape}-{LAYOUTS[layout]}-{FINISHES[finish]}-{take}.jpg"
    look = PhoneLook(level * 2 * np.pi / HUES, 0.9 if is_round else -0.9, LAYOUTS[layout], FINISHES[finish])
    # A stream per combination of looks and take: every customer sends the same bytes.
    number = ((level * 2 + is_round) * len(LAYOUTS) + layout) * len(FINISHES) + finish
    return name, lambda: draw_picture(
        look, plan.size.pixels, plan.stream(f"photo-{number}", take), is_photo=True
    )


def _build_speech(
    wishes: list[str], language: str, random: np.random.Generator
) -> tuple[str, Callable[[], bytes]]:
    """Return path and synthesis function of a spoken query.

    A voice of the language speaks the wishes, in one of two wordings.
    """
    wording, speaker = int(random.integers(2)), int(random.integers(len(VOICES[language])))
    name = "_".join(
        wish.replace("+", "-high") if "+" in wish else wish.replace("-", "-low") for wish in wishes
    )
    words = [QUERY_PHRASES[wish][language] for wish in wishes]
    phrase = ("，" if language == "zh" else ", ").join(
        way[(wording * 2 + place) % len(way)] for place, way in enumerate(words)
    )
    voice = VOICES[language][speaker]
    return f"audio/{name}-{language}-{wording}-{speaker}.wav", lambda: synthesize_speech(phrase, voice)
