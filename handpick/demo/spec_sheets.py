"""Writes titles, descriptions and spec sheets of made-up phones, the sheets as messy as real ones."""

from __future__ import annotations

import numpy as np

from handpick.demo.parameters import Plan
from handpick.demo.phones import CURRENCIES, EUR_RATES, Phones, ProductLines
from handpick.demo.phrases import COLOR_NAMES, DESCRIPTIONS, FILLERS, PERSONAS

MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
CAMERAS = (2, 5, 8, 12, 13, 16, 20, 32, 48, 50, 64, 108, 200)
RAMS = (1, 2, 3, 4, 6, 8, 12, 16)
CHIPS = ("Mediatek MT6739 (28 nm)", "Unisoc T606 (12 nm)", "Qualcomm SM6225 Snapdragon 680 4G (6 nm)",
         "Mediatek Dimensity 7050 (6 nm)", "Exynos 2200 (4 nm)",
         "Qualcomm SM8550 Snapdragon 8 Gen 2 (4 nm)")  # fmt: skip
PANELS = ("TFT", "IPS LCD", "AMOLED", "Super AMOLED, 120Hz", "LTPO AMOLED, 1B colors, 120Hz, HDR10+")
BUILDS = ("Glass front, plastic back, plastic frame",
          "Glass front (Gorilla Glass 5), glass back, aluminum frame",
          "Glass front, aluminum back", "")  # fmt: skip
MISSING_SHARE = 0.07
"""Share of the cells of a spec sheet that are missing."""


def pick_by_quantile(value: float, choices: tuple[int, ...]) -> int:
    """Return the choice at a standard-normal value's quantile, by a logistic approximation of the CDF."""
    share = 1 / (1 + np.exp(-1.7 * value))
    return choices[min(int(share * len(choices)), len(choices) - 1)]


def build_title(
    lines: ProductLines, phones: Phones, row: int, random: np.random.Generator
) -> tuple[str, str]:
    """Return brand and title of a phone; the title is brand, line, generation and sometimes the storage."""
    line = int(phones.line[row])
    brand = lines.brand_name[int(lines.brand[line])]
    storage = random.choice(["", "", " 64GB", " 128GB", " 256GB", " 5G", " Dual SIM"])
    return brand, f"{brand} {lines.name[line]} {phones.generation[row]}{storage}"


def build_description(
    persona: np.ndarray[tuple[int, ...], np.dtype[np.float64]], random: np.random.Generator
) -> str:
    """Build a description in English, Chinese or both, which reveals a phone's persona and nothing else."""
    languages = [("en",), ("zh",), ("en", "zh")][int(random.choice(3, p=[0.55, 0.15, 0.3]))]
    sentences: list[str] = []
    for language in languages:
        for kind in np.flatnonzero(persona > 0):
            many = 2 if persona[kind] > 0.6 and language == languages[0] else 1
            known = DESCRIPTIONS[PERSONAS[int(kind)]][language]
            sentences += [known[i] for i in random.permutation(len(known))[:many]]
    if random.random() < 0.6:
        filler = FILLERS[languages[0]]
        sentences.append(filler[int(random.integers(len(filler)))])
    return " ".join(sentences)


def build_raw_specs(plan: Plan, phones: Phones, row: int, random: np.random.Generator) -> dict[str, str]:
    """Build a raw spec sheet with gsmarena.com's keys: units and word order vary, and cells are missing."""
    battery, camera, screen, speed = (float(x) for x in phones.specs[row])
    milliamps = int(np.clip(round((3600 + 850 * battery) / 50) * 50, 800, 8000))
    inches = float(np.clip(5.9 + 0.55 * screen, 2.4, 7.9))
    grams = 95 + 13 * (inches - 2) + milliamps * 0.013 + float(random.normal(0, 5))
    main, second = pick_by_quantile(camera, CAMERAS), int(random.choice([2, 5, 8, 12]))
    selfie = pick_by_quantile(camera + float(random.normal(0, 0.7)), CAMERAS[:8])
    ram = pick_by_quantile(speed, RAMS)
    storage = int(random.choice([16, 32, 64, 128, 256]))
    charge = int(random.choice([10, 18, 25, 33, 45, 67]))
    thick = 6.6 + milliamps / 2600 + float(random.normal(0, 0.3))
    launched = plan.date_of(int(phones.launch_day[row]))
    month = MONTHS[launched.month - 1]
    ratio = float(random.uniform(70, 88))
    pixels = (720, 1600) if speed < -0.3 else (1080, 2400)
    density = round(float(np.hypot(*pixels)) / inches)

    def one(*ways: str) -> str:
        """Draw one way of writing a value."""
        return ways[int(random.integers(len(ways)))]

    names = ", ".join(
        COLOR_NAMES[i] for i in random.permutation(len(COLOR_NAMES))[: 1 + int(random.integers(3))]
    )
    ounces, pounds = grams / 28.3495, grams / 453.592
    sheet = {
        "announced": one(f"{launched.year}, {month} {launched.day:02d}", f"{launched.year}, {month}",
                         f"{launched.year}, {month}. Released {launched.year}, {month}",
                         f"{launched.year}, Q{(launched.month + 2) // 3}"),
        "battery-type": one(f"Li-Po {milliamps} mAh, non-removable",
                            f"Non-removable Li-Po {milliamps} mAh battery", f"{milliamps} mAh",
                            f"Removable Li-Ion {milliamps} mAh battery", f"{milliamps / 1000:g}Ah",
                            f"Li-Ion {milliamps:,} mAh"),
        "size": one(f"{inches:.1f} inches, {inches**2 * 2.3:.1f} cm2 (~{ratio:.1f}% screen-to-body ratio)",
                    f"{inches:.2f} inches",
                    f'{inches:.1f}"', f"{inches * 2.54:.1f} cm",
                    f"{inches:.1f} inches, {inches**2 * 2.3:.1f} cm 2"),
        "weight": one(f"{grams:.0f} g ({ounces:.2f} oz)", f"{grams:.0f} g", f"{grams:.1f}g",
                      f"{pounds:.2f} lb", f"{ounces:.2f} oz",
                      f"{grams:.0f} g or {grams + 3:.0f} g ({ounces:.2f} oz)"),
        "main-camera": one(f"Dual~.~{main} MP, f/1.8, (wide), PDAF {second} MP, f/2.4",
                           f"{main} MP + {second} MP", f"Single~.~{main} MP, AF",
                           f"{main}MP", f"{main} megapixels"),
        "selfie-camera": one(f"Single~.~{selfie} MP, f/2.0", f"{selfie} MP", f"{selfie}MP",
                             f"Single~.~{selfie} MP"),
        "internal": one(f"{storage}GB {ram}GB RAM", f"{ram}GB RAM {storage}GB", f"{storage} GB, {ram} GB RAM",
                        f"{storage}GB {ram}GB RAM, {storage * 2}GB {ram}GB RAM",
                        f"{ram}GB RAM, {storage * 1024}MB ROM"),
        "chipset": CHIPS[pick_by_quantile(speed + float(random.normal(0, 0.4)), tuple(range(len(CHIPS))))],
        "display-type": PANELS[
            pick_by_quantile(
                0.6 * speed + 0.4 * screen + float(random.normal(0, 0.5)), tuple(range(len(PANELS)))
            )
        ],
        "resolution": one(f"{pixels[0]} x {pixels[1]} pixels, 20:9 ratio (~{density} ppi density)",
                          f"{pixels[0]}x{pixels[1]} px"),
        "os": one("Android 13", "Android 14", "Android 12, upgradable to Android 13", "HarmonyOS 3.0",
                  "android 14 (Go edition)"),
        "technology": one("GSM / HSPA / LTE", "GSM / HSPA / LTE / 5G", "GSM / CDMA / HSPA / EVDO / LTE / 5G"),
        "sim": one("Dual SIM (Nano-SIM, dual stand-by)", "Nano-SIM",
                   "Hybrid Dual SIM (Nano-SIM, dual stand-by)"),
        "dimensions": one(f"{inches * 25.2:.1f} x {inches * 11.9:.1f} x {thick:.1f} mm "
                          f"({inches:.2f} x {inches / 2.1:.2f} x {thick / 25.4:.2f} in)",
                          f"{inches * 25.2:.0f}x{inches * 11.9:.0f}x{thick:.1f}mm"),
        "charging": one(f"Fast charging {charge}W", f"{charge}W wired",
                        f"Fast charging {charge}W Quick Charge 3.0"),
        "build": one(*BUILDS),
        "colors": names,
        "nfc": one("Yes", "No", ""),
    }  # fmt: skip
    # Drawn after all cells, so that a missing cell changes no other.
    is_missing = random.random(len(sheet)) < MISSING_SHARE
    return {
        key: value for (key, value), gap in zip(sheet.items(), is_missing, strict=True) if value and not gap
    }


def convert_price(phones: Phones, row: int, euros: float) -> tuple[float, str]:
    """Convert a price in EUR to the currency of a phone; return the price and the ISO 4217 code."""
    currency = CURRENCIES[int(phones.currency[row])]
    return round(euros / EUR_RATES[currency], 2), currency
