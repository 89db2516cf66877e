"""Ranks the 8-bit and East Asian encodings that bytes may have, by how well the letters fit a language.

Statistics over bytes alone, such as those of charset-normalizer, decide short texts by chance: a product
file has a few dozen special letters. Here a reading must be explained by the letters of one language.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace

LETTERS_BY_LANGUAGE = {
    "German": "äöüß", "French": "àâçéèêëîïôœùûü", "Spanish": "áéíñóúü¿¡", "Portuguese": "ãáàâçéêíõóôúü",
    "Italian": "àèéìíòóùú", "Dutch": "éèëïóöü", "Swedish": "åäöé", "Danish": "æøåé",
    "Icelandic": "áðéíóúýþæö",
    "Catalan": "àçèéíïòóúü·", "English": "éèêçïöñà",
    "Czech": "áčďéěíňóřšťúůýž", "Slovak": "áäčďéíľĺňóôŕšťúýž", "Polish": "ąćęłńóśźż",
    "Hungarian": "áéíóöőúüű",
    "Croatian": "čćđšž", "Romanian": "ăâîşţ",
    "Turkish": "çğıİöşüâ", "Latvian": "āčēģīķļņšūž", "Lithuanian": "ąčęėįšųūž", "Estonian": "äõöüšž",
    "Russian": "абвгдеёжзийклмнопрстуфхцчшщъыьэюя", "Ukrainian": "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя",
    "Bulgarian": "абвгдежзийклмнопрстуфхцчшщъьюя",
    "Greek": "αάβγδεέζηήθιίϊΐκλμνξοόπρσςτυύϋΰφχψωώ", "Hebrew": "אבגדהוזחטיךכלםמןנסעףפץצקרשת",
    "Arabic": "ءآأؤإئابةتثجحخدذرزسشصضطظعغفقكلمنهوىي",
    "Thai": "".join(map(chr, range(0x0E01, 0x0E5B))),
}  # fmt: skip
COMMON_LETTERS = {
    "Russian": "оеаинтсрвл",
    "Ukrainian": "оаниевртіс",
    "Bulgarian": "аоиетнрсвл",
    "Greek": "αοιετσνηυρ",
}
"""The ten most frequent letters: in another code page of the same script, rare ones take their places."""
MARKS = frozenset("“”„‚‘’‹›«»–—…•·€£¥©®™°²³±×½¼¾µ§¡¿´\u00a0\u00ad№″′ªº")
"""Signs of any language's product texts."""

SINGLE_BYTE = {
    "cp1252": ("German", "French", "Spanish", "Portuguese", "Italian", "Dutch", "Swedish", "Danish",
               "Icelandic", "Catalan", "English", "Estonian"),
    "cp1250": ("Czech", "Slovak", "Polish", "Hungarian", "Croatian", "Romanian", "German"),
    "cp1251": ("Russian", "Ukrainian", "Bulgarian"), "cp1254": ("Turkish",),
    "cp1257": ("Latvian", "Lithuanian"), "cp1253": ("Greek",),
    "iso8859_2": ("Czech", "Slovak", "Polish", "Hungarian", "Croatian", "Romanian"),
    "iso8859_15": ("French", "German"), "koi8_r": ("Russian",), "cp866": ("Russian",),
    "iso8859_5": ("Russian",),
    "cp850": ("German", "French", "Spanish", "Portuguese", "Danish"),
    "cp852": ("Czech", "Polish", "Hungarian"),
    "mac_roman": ("German", "French", "Spanish"), "cp1255": ("Hebrew",), "cp1256": ("Arabic",),
    "cp874": ("Thai",),
}  # fmt: skip
"""The 8-bit code pages, the most usual first, and the languages that are written in each."""

JAPANESE = ("cp932", "euc_jp")
DOUBLE_BYTE = ("gb18030", "cp932", "big5", "cp949", "euc_jp")


@dataclass(frozen=True)
class Reading:
    """Bytes as one encoding reads them.

    Args:
        encoding: The encoding.
        rank: How well letters, case and frequencies fit, at most about 1.
        words: Distinct words with letters beyond ASCII, in their order.
        text: The text.
    """

    encoding: str
    rank: float
    words: tuple[str, ...]
    text: str


def rank_readings(sample: bytes, hints: Collection[str] = ()) -> list[Reading]:
    """Return the possible readings of bytes that are not UTF-8, the most likely first, equal texts once.

    Args:
        sample: The bytes.
        hints: Texts that the file should hold, such as the names of mapped columns.
    """
    readings: list[Reading] = []
    for place, (encoding, languages) in enumerate(SINGLE_BYTE.items()):
        text = _decode(sample, encoding)
        if text is not None:
            fit = _rate_letters(text, languages) - 0.01 * place
            readings.append(Reading(encoding, fit, _list_words(text), text))
    for encoding in DOUBLE_BYTE:
        text = _decode(sample, encoding)
        if text is not None:
            readings.append(Reading(encoding, _rate_east_asian(text, encoding), _list_words(text), text))
    told = [hint for hint in hints if not hint.isascii()]
    if told:
        readings = [
            replace(reading, rank=reading.rank + sum(hint in reading.text for hint in told))
            for reading in readings
        ]
    readings.sort(key=lambda reading: -reading.rank)
    distinct: dict[str, Reading] = {}
    for reading in readings:
        distinct.setdefault(reading.text, reading)
    # Without any reading that fits, every byte of Windows' usual code page is kept as some letter.
    fallback = sample.decode("cp1252", errors="replace")
    return list(distinct.values()) or [Reading("cp1252", 0.0, _list_words(fallback), fallback)]


def _decode(sample: bytes, encoding: str) -> str | None:
    """Return the text, or None for bytes of another encoding; a byte cut off at the end is ignored."""
    for cut in (0, 1):
        try:
            text = sample[: len(sample) - cut].decode(encoding)
        except UnicodeDecodeError:
            continue
        return None if re.search(r"[\x80-\x9f\ue000-\uf8ff]", text) else text
    return None


def _list_words(text: str) -> tuple[str, ...]:
    words = re.findall(r"\w*[^\W\x00-\x7f]\w*", text)
    return tuple(dict.fromkeys(word for word in words if len(word) > 1))


def _rate_letters(text: str, languages: tuple[str, ...]) -> float:
    """Return how well the letters beyond ASCII fit the best of some languages."""
    letters = Counter(char for char in text if char > "\x7f" and char not in MARKS)
    total = sum(letters.values())
    if not total:
        return 0.9
    words = _list_words(text)
    # A capital after a small letter, or letters of two scripts in one word, are how a wrong code page shows.
    strange = sum(1 for word in words if _has_late_capital(word) or _mixes_scripts(word)) / max(len(words), 1)
    return max(_rate_language(letters, total, language) for language in languages) - 0.5 * strange


def _has_late_capital(word: str) -> bool:
    start = 1 if word[:1].islower() else 2
    return word[start - 1 : start].islower() and word[start:] != word[start:].lower()


def _mixes_scripts(word: str) -> bool:
    """Return whether a word has Latin letters beside letters of another script."""
    scripts = {unicodedata.name(char, "OTHER").split(" ")[0] for char in word if char.isalpha()}
    return "LATIN" in scripts and len(scripts) > 1


def _rate_language(letters: Counter[str], total: int, language: str) -> float:
    known = set(LETTERS_BY_LANGUAGE[language])
    share = sum(count for char, count in letters.items() if char.lower() in known or char in known) / total
    # Wide alphabets explain more by chance than a few letters do.
    if language in COMMON_LETTERS:
        common = (
            sum(count for char, count in letters.items() if char.lower() in COMMON_LETTERS[language]) / total
        )
        return share * min(1.0, 0.4 + common)
    return share


def _rate_east_asian(text: str, encoding: str) -> float:
    """Return the share of characters that are usual in the language of a double-byte encoding."""
    beyond = [char for char in text if char > "\x7f" and char not in MARKS]
    if len(beyond) < 2:
        return 0.0
    rated = [_rate_character(char, encoding) for char in beyond]
    # A lone wide character among Latin letters is what one special letter and the next make by chance.
    lone = len(re.findall(r"(?<=[A-Za-z])[^\x00-\x7f](?=[A-Za-z])", text))
    has_kana = any("\u3040" <= char <= "\u30ff" for char in beyond)
    return sum(rated) / len(rated) - lone / len(beyond) - 0.3 * (encoding in JAPANESE and not has_kana)


def _rate_character(char: str, encoding: str) -> float:
    code = ord(char)
    if 0x3000 <= code <= 0x303F or 0xFF00 <= code <= 0xFF60:  # punctuation and wide forms
        return 0.7
    if 0x3040 <= code <= 0x30FF:
        return 1.0 if encoding in JAPANESE else 0.3
    if 0xAC00 <= code <= 0xD7A3:
        return 1.0 if encoding == "cp949" else 0.0
    try:
        lead = char.encode({"gb18030": "gb2312", "cp949": "euc_kr"}.get(encoding, encoding))[0]
    except UnicodeEncodeError:
        return 0.0
    # The first level of each standard holds the characters that are in use, ordered by sound or strokes.
    usual = {"gb18030": (0xB0, 0xD7), "cp932": (0x88, 0x97), "big5": (0xA4, 0xC6), "euc_jp": (0xB0, 0xCF)}
    low, high = usual.get(encoding, (0xFF, 0x00))
    return 0.95 if low <= lead <= high and 0x4E00 <= code <= 0x9FFF else 0.2
