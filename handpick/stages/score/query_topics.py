"""What a query's text asks for: topics by the words of five languages, a price limit, and simple phones.

Only what is asked for counts: "no need for a fancy camera" is not about cameras.
"""

from __future__ import annotations

import re
from functools import lru_cache

_CLAUSES = re.compile(r"[,.;:!?，。；：！？、\n]+|\bbut\b|\baber\b|\bmais\b|\bpero\b|但")
_NEGATION = re.compile(
    r"(?i)\b(?:no|not|never|without|don'?t|doesn'?t|kein\w*|nicht|nie|ohne|pas|sans|jamais|sin|nunca)\b|"
    r"[不没無无]|is fine\b"
)
_UNNEGATED = re.compile(
    r"(?i)预算不多|不(?:要太重|想天天充电|掉帧|能卡|卡顿)|"
    r"hate charging|never slow|no lag|never miss|not (?:a )?heavy"
)
"""Negations that ask for something all the same."""
TOPIC_PATTERNS: dict[str, re.Pattern[str]] = {
    name: re.compile("(?i)" + pattern)
    for name, pattern in {
        "night": (
            r"\bnight (?:camera|shots?|photo|mode)|\b(?:photos?|pictures?) (?:even )?at night|"
            r"nacht(?:foto|kamera|aufnahm)|photos? de nuit|fotos? nocturn|夜景|夜拍"
        ),
        "camera": r"camera|photo|picture|kamera|fotos?\b|appareil photo|c[áa]mara|拍照|摄影|相机|像素|镜头",
        "selfie": r"selfie|front camera|frontkamera|自拍",
        "battery": (
            r"batter|endurance|long[- ]lasting|hate charging|akku|ausdauer|autonom[ií]|"
            r"bater[íi]a|电池|续航|待机|不想天天充电"
        ),
        "charging": (
            r"(?:fast|quick|rapid)[- ]?charg|schnell\w*laden|charge rapide|carga r[áa]pida|快充|"
            r"闪充"
        ),
        "large": (
            r"(?:big|huge|large)\w* (?:screen|display)|as large as possible|films?\b|"
            r"videos?\b|gro(?:ß|ss)\w* (?:display|bildschirm)|grand [ée]cran|pantalla grande|"
            r"大屏|屏幕要大|显示要大|越大越好"
        ),
        "compact": (
            r"compact|one hand|small phone|fit in my|handlich|kompakt|compacte?|peque[ñn]|一手|"
            r"单手(?!机)|小屏|小巧|放得进口袋"
        ),
        "light": (
            r"\blight (?:in|phone|weight)|lightweight|not (?:a )?heavy|leicht|l[ée]ger|ligero|"
            r"轻一点|轻薄|不要太重"
        ),
        "speed": (
            r"\bfast as\b|\bfast phone|memory|powerful|performance|never slow|"
            r"\bgam(?:e|es|ing|er)|no lag|schnell(?:es|er)?\b|leistung|rapide\b|puissan|"
            r"r[áa]pido|potente|运行要快|内存|性能强|游戏|手游|打王者|不能卡|不掉帧"
        ),
        "storage": r"storage|\b\d+ ?(?:gb|tb)\b|speicher|stockage|almacenamiento|存储|大容量",
        "cheap": (
            r"\bcheap|budget|bargain|little money|fair value|g[üu]nstig|billig|schn[äa]ppchen|"
            r"pas cher|bon march[ée]|barato|econ[óo]mic|便宜|预算|性价比"
        ),
        "tough": (
            r"waterproof|water[- ]resist|rugged|tough|hiking|camping|\bdrop\b|construction|"
            r"wasserdicht|robust|outdoor|[ée]tanche|resistente|防水|防摔|耐摔|结实|户外"
        ),
        "music": (
            r"\bmusic|\bsongs?\b|audio|headphone|speaker|\bsound\b|musik|kopfh[öo]rer|musique|"
            r"[ée]couteurs|m[úu]sica|auriculares|听歌|音乐|音质|喇叭|耳机"
        ),
        "5g": r"\b5g\b",
        "dual-sim": r"dual[- ]sim|two sims?|zwei sim|double sim|doble sim|双卡",
    }.items()
}
"""Topics in the order in which their facts are named."""
_SIMPLE = re.compile(
    r"(?i)\b(?:simple|easy|basic) (?:phone|is enough|mobile|to use)|an? easy\b|big buttons|elderly|"
    r"old people|grand(?:father|mother|ma|pa)\b|only for calls|do not need power|nothing complicated|"
    r"einfach\w* (?:handy|telefon|smartphone|zu bedienen)|senior|große tasten|nur (?:zum )?telefonieren|"
    r"t[ée]l[ée]phone (?:tr[èe]s )?simple|simple d'utilisation|grosses touches|"
    r"(?:m[óo]vil|tel[ée]fono) (?:sencillo|f[áa]cil)|teclas grandes|personas? mayor|"
    r"老人机|爷爷|奶奶|父母用的简单|简单手机|只打电话|基本功能|不需要高配置|性能够用就行"
)
_EXPENSIVE = re.compile(
    r"(?i)flagship|most expensive|very best|money is no object|premium|spitzenmodell|oberklasse|"
    r"haut de gamme|gama alta|旗舰|最贵|价格不是问题|不差钱"
)
_LIMIT = re.compile(
    r"(?i)(?:under|below|less than|up to|max(?:imum)?|at most|unter|bis(?: zu)?|h[öo]chstens|moins de|"
    r"jusqu'?à|menos de|hasta|低于|不超过|以内)\s*(?:eur|usd|€|\$|£|¥)?\s*(\d{2,5})\b"
    r"(?!\s*(?:gb|mp|mah|hz|w\b|g\b|mm|inch|zoll))"
    r"|(\d{2,5})\s*(?:元|块|欧元?)?\s*(?:以内|以下)"
)


@lru_cache(maxsize=65_536)
def find_topics(text: str) -> tuple[str, ...]:
    """Return the topics that a query's text asks for, in the order of `TOPIC_PATTERNS`."""
    found = set()
    for clause in _CLAUSES.split(text):
        is_negated = bool(_NEGATION.search(_UNNEGATED.sub("", clause)))
        # A clause with a negation asks only for what the exceptions in it name.
        asked = " ".join(_UNNEGATED.findall(clause)) if is_negated else clause
        found |= {name for name, pattern in TOPIC_PATTERNS.items() if pattern.search(asked)}
    return tuple(name for name in TOPIC_PATTERNS if name in found)


@lru_cache(maxsize=65_536)
def find_price_limit(text: str) -> float | None:
    """Return the highest price that a query's text states ("under 300"), in its own words' currency."""
    found = _LIMIT.search(text)
    return None if found is None else float(found.group(1) or found.group(2))


def asks_for_simple_phone(text: str) -> bool:
    """Return whether a query's text asks for a phone that is simple to use, and not for an expensive one."""
    return bool(_SIMPLE.search(text)) and not _EXPENSIVE.search(text)
