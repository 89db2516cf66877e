"""What people ask: typed words, a picture of the looks they want, spoken words; each tells what the others do not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from handpick.demo.arrays import Ints
from handpick.demo.customers import LOCALES, People
from handpick.demo.parameters import Plan
from handpick.demo.phones import FINISHES, LAYOUTS
from handpick.demo.phrases import BUDGETS, OPENINGS, PERSONAS, SPECS, WISHES
from handpick.demo.pictures import Look, draw
from handpick.demo.sessions import SECOND
from handpick.runtime.speech_synthesis import VOICES, speak

HUES, HUE_NOISE = 16, 0.15
PERSONA_SHARPNESS, SPEC_SHARPNESS = 2.0, 2.5
"""How much likelier people ask for what they like most."""
BUDGET_LEVELS = (5.5, 6.0)
"""Natural logarithms of euros between low and middle, middle and high."""
PHOTOS = 3
"""Customers' photos come in this many takes of each look."""

ASKS_IN = {"text": 0.65, "image": 0.4, "audio": 0.35}


@dataclass(frozen=True)
class Query:
    """One query; `draw_media` gives the bytes of its files when they do not exist yet."""

    user: int
    at: int
    text: str | None
    image: tuple[str, Callable[[], bytes]] | None
    audio: tuple[str, Callable[[], bytes]] | None


def askers(plan: Plan, people: People, day: int) -> Ints:
    """Rows of the people who ask something on a day, once per query."""
    random = plan.stream("askers", day)
    here = (people.signup_day <= day) & (people.ask_rate > 0)
    asks = random.poisson(people.ask_rate * here)
    welcome = (people.signup_day == day) & here & (random.random(len(people)) < 0.6)
    return np.repeat(np.arange(len(people)), np.maximum(asks, welcome))


def ask(plan: Plan, people: People, who: Ints, day: int) -> list[Query]:
    """The day's queries in order of time."""
    random = plan.stream("asking", day)
    at = np.sort(plan.micros_of(day) + random.integers(6 * 3600, 23 * 3600, len(who)) * SECOND)
    return [
        _query(plan, people, int(user), int(moment), random)
        for user, moment in zip(random.permutation(who), at, strict=True)
    ]


def _query(plan: Plan, people: People, user: int, at: int, random: np.random.Generator) -> Query:
    uses = {kind: bool(random.random() < share) for kind, share in ASKS_IN.items()}
    uses["image"] &= plan.catalog_digest is None  # real phones have no looks to ask for
    if not any(uses.values()):
        uses["text"] = True
    language = LOCALES[int(people.country[user])][:2]
    language = language if language == "zh" else "en"
    persona, spec, budget = _wishes(plan, people, user, random)
    if uses["text"] and uses["audio"]:
        typed, spoken = [persona], [spec, budget] if random.random() < 0.5 else [spec]
    else:
        typed = [persona, spec] if random.random() < 0.4 else [persona]
        spoken = [spec, persona] if random.random() < 0.7 else [spec, budget]
    text = None
    if uses["text"]:
        opening = OPENINGS[language][int(random.integers(len(OPENINGS[language])))]
        glue = "，" if language == "zh" else ", "
        text = opening + glue.join(_word(wish, language, random) for wish in typed)
    image = _photo(plan, people, user, random) if uses["image"] else None
    audio = _speech(spoken, language, random) if uses["audio"] else None
    return Query(user, at, text, image, audio)


def _wishes(plan: Plan, people: People, user: int, random: np.random.Generator) -> tuple[str, str, str]:
    """A persona, a spec wish and a budget that the person has; with the plan's noise, somebody else's."""
    tastes = people.persona[user]
    persona = PERSONAS[int(random.choice(len(PERSONAS), p=_softmax(PERSONA_SHARPNESS * tastes)))]
    dimension = int(random.choice(4, p=_softmax(SPEC_SHARPNESS * np.abs(people.specs[user]))))
    sign = "+" if people.specs[user, dimension] > 0 else "-"
    level = int(np.searchsorted(BUDGET_LEVELS, people.budget[user]))
    noisy = random.random(3) < plan.dials.query_noise
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
    weights = np.exp(values - values.max())
    return weights / weights.sum()


def _word(wish: str, language: str, random: np.random.Generator) -> str:
    ways = WISHES[wish][language]
    return ways[int(random.integers(len(ways)))]


def _photo(
    plan: Plan, people: People, user: int, random: np.random.Generator
) -> tuple[str, Callable[[], bytes]]:
    """A picture of the looks the person likes best, to one of `HUES` hues, in one of a few takes."""
    taste = people.style[user]
    hue = float(np.arctan2(taste[1], taste[0])) + float(random.normal(0, HUE_NOISE))
    level = round(hue / (2 * np.pi) * HUES) % HUES
    is_round = bool(taste[2] > 0)
    layout = int(np.argmax(taste[3 : 3 + len(LAYOUTS)]))
    finish = int(np.argmax(taste[3 + len(LAYOUTS) :]))
    if random.random() < plan.dials.query_noise:
        level = int(random.integers(HUES))
    take = int(random.integers(PHOTOS))
    name = f"images/photo-{level:02d}-{'round' if is_round else 'sharp'}-{LAYOUTS[layout]}-{FINISHES[finish]}-{take}.jpg"
    look = Look(level * 2 * np.pi / HUES, 0.9 if is_round else -0.9, LAYOUTS[layout], FINISHES[finish])
    number = ((level * 2 + is_round) * len(LAYOUTS) + layout) * len(FINISHES) + finish
    return name, lambda: draw(look, plan.size.pixels, plan.stream(f"photo-{number}", take), is_photo=True)


def _speech(wishes: list[str], language: str, random: np.random.Generator) -> tuple[str, Callable[[], bytes]]:
    """The wishes spoken by one of the language's voices, in one of two wordings."""
    wording, speaker = int(random.integers(2)), int(random.integers(len(VOICES[language])))
    name = "_".join(
        wish.replace("+", "-high") if "+" in wish else wish.replace("-", "-low") for wish in wishes
    )
    words = [WISHES[wish][language] for wish in wishes]
    phrase = ("，" if language == "zh" else ", ").join(
        way[(wording * 2 + place) % len(way)] for place, way in enumerate(words)
    )
    voice = VOICES[language][speaker]
    return f"audio/{name}-{language}-{wording}-{speaker}.wav", lambda: speak(phrase, voice)
