"""Text templates of the explanations, by language.

They are filled with known facts only; unknown ones are left out.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.dates import format_skeleton
from babel.numbers import format_decimal

DEFAULT_LANGUAGE = "en"
"""Language where a user's is not offered."""

REASON_TEMPLATES: dict[str, dict[str, str]] = {
    "en": {
        "cart": "still in your cart",
        "query": "because you asked for «{query}»",
        "query_facts": "you asked for «{query}»: {facts}",
        "query_image": "because of the picture you sent",
        "query_audio": "because of what you asked by voice",
        "history": "like the {title} you {did}{difference}",
        "history_other": "because you {did} the {title}",
        "seen": "you looked at it on {day}",
        "profile_brand": "{brand}, like {count} of the {total} phones you looked at",
        "profile_tag": "{tag}, like {count} of the {total} phones you looked at",
        "profile_price": "priced like {count} of the {total} phones you looked at",
        "owned": "instead of your {title}: {difference}",
        "popular": "popular in {country}",
        "popular_all": "popular with our customers",
        "strength": "{fact}: more than {tenths} of 10 phones at its price",
        "launch": "new this week",
        "exploration": "something different to discover",
        "exploration_fact": "something different: {fact}",
        "campaign": "featured: {campaign}",
        "model": "a strong match for your profile",
        "range": "from our range",
        "similar": "{facts}",
        "similar_other": "similar overall",
    },
    "zh": {
        "cart": "还在您的购物车里",
        "query": "因为您想找“{query}”",
        "query_facts": "您想找“{query}”：{facts}",
        "query_image": "因为您发来的图片",
        "query_audio": "因为您的语音提问",
        "history": "与您{did}的 {title} 相似{difference}",
        "history_other": "因为您{did}过 {title}",
        "seen": "您在{day}看过",
        "profile_brand": "{brand} 品牌，您看过的 {total} 款手机中有 {count} 款也是",
        "profile_tag": "{tag}，您看过的 {total} 款手机中有 {count} 款也是",
        "profile_price": "价位与您看过的 {total} 款手机中的 {count} 款相近",
        "owned": "替换您的 {title}：{difference}",
        "popular": "在{country}热销",
        "popular_all": "广受顾客欢迎",
        "strength": "{fact}：同价位 10 款手机中胜过 {tenths} 款",
        "launch": "本周新品",
        "exploration": "换个口味看看",
        "exploration_fact": "换个口味：{fact}",
        "campaign": "活动推荐：{campaign}",
        "model": "与您的偏好高度匹配",
        "range": "本店在售",
        "similar": "{facts}",
        "similar_other": "整体相似",
    },
}
"""Sentences by language and reason code."""
VERBS = {
    "en": {"view": "viewed", "cart": "put in your cart", "purchase": "bought", "rating": "rated"},
    "zh": {"view": "浏览", "cart": "加入购物车", "purchase": "购买", "rating": "评价"},
}
"""What a user did with a phone, by language and event type."""
FACT_TEMPLATES: dict[str, dict[str, str]] = {
    "en": {
        "main_camera_mp": "{value} MP camera",
        "selfie_camera_mp": "{value} MP selfie camera",
        "battery_mah": "{value} mAh battery",
        "charging_w": "{value} W charging",
        "storage_gb": "{value} GB storage",
        "ram_gb": "{value} GB memory",
        "refresh_hz": "{value} Hz screen",
        "display_inches": "{value}″ screen",
        "weight_g": "{value} g",
        "price": "{value} {unit}",
        "pixel_um": "{value} µm pixels",
        "ois": "OIS",
        "sealing": "{value}",
        "jack": "headphone socket",
        "5g": "5G",
        "dual-sim": "dual SIM",
    },
    "zh": {
        "main_camera_mp": "{value} MP 摄像头",
        "selfie_camera_mp": "{value} MP 前置摄像头",
        "battery_mah": "{value} mAh 电池",
        "charging_w": "{value} W 充电",
        "storage_gb": "{value} GB 存储",
        "ram_gb": "{value} GB 内存",
        "refresh_hz": "{value} Hz 屏幕",
        "display_inches": "{value} 英寸屏幕",
        "weight_g": "{value} 克",
        "price": "{value} {unit}",
        "pixel_um": "{value} µm 像素",
        "ois": "光学防抖",
        "sealing": "{value}",
        "jack": "耳机孔",
        "5g": "5G",
        "dual-sim": "双卡",
    },
}
"""Facts of a phone, by language."""
ADVANTAGE_TEMPLATES: dict[str, dict[str, str]] = {
    "en": {
        "price": "{less} {unit} cheaper",
        "weight_g": "{less} g lighter",
        "thickness_mm": "{less} mm thinner",
        "main_camera_mp": "{mine} MP camera instead of {theirs}",
        "battery_mah": "{mine} mAh battery instead of {theirs}",
        "storage_gb": "{mine} GB storage instead of {theirs}",
        "ram_gb": "{mine} GB memory instead of {theirs}",
        "charging_w": "{mine} W charging instead of {theirs}",
        "refresh_hz": "{mine} Hz screen instead of {theirs}",
        "display_inches": "{mine}″ screen instead of {theirs}″",
    },
    "zh": {
        "price": "便宜 {less} {unit}",
        "weight_g": "轻 {less} 克",
        "thickness_mm": "薄 {less} 毫米",
        "main_camera_mp": "{mine} MP 摄像头，而不是 {theirs} MP",
        "battery_mah": "{mine} mAh 电池，而不是 {theirs} mAh",
        "storage_gb": "{mine} GB 存储，而不是 {theirs} GB",
        "ram_gb": "{mine} GB 内存，而不是 {theirs} GB",
        "charging_w": "{mine} W 充电，而不是 {theirs} W",
        "refresh_hz": "{mine} Hz 屏幕，而不是 {theirs} Hz",
        "display_inches": "{mine} 英寸屏幕，而不是 {theirs} 英寸",
    },
}
"""Advantages of one phone over another, by language and fact."""
COMMON_TEMPLATES = {
    "en": {"price": "similar price", "brand": "same brand", "use": "also {value}", "also": "also {value}"},
    "zh": {"price": "价位相近", "brand": "同一品牌", "use": "同样{value}", "also": "同为 {value}"},
}
"""What two phones share, by language and kind of fact."""
TAG_NAMES = {
    "en": {
        "good-camera": "a strong camera",
        "big-battery": "a large battery",
        "compact": "compact",
        "large-screen": "a large screen",
        "selfie": "made for selfies",
        "big-storage": "much storage",
        "slim": "slim",
        "light": "light",
        "high-refresh": "a smooth screen",
        "fast-charging": "fast charging",
    },
    "zh": {
        "good-camera": "拍照出色",
        "big-battery": "电池大",
        "compact": "小巧",
        "large-screen": "大屏",
        "selfie": "适合自拍",
        "big-storage": "存储大",
        "slim": "纤薄",
        "light": "轻便",
        "high-refresh": "屏幕流畅",
        "fast-charging": "快充",
    },
}
"""Tags that say what a phone is good for, in words, by language."""
COMMA = {"en": ", ", "zh": "，"}
"""Separator of two facts, by language."""


def choose_language(locale: str, offered: tuple[str, ...]) -> str:
    """Choose the language of a locale such as `zh-CN` if it is offered and has templates, else English."""
    code = locale.replace("_", "-").split("-")[0].lower()
    return code if code in REASON_TEMPLATES and code in offered else DEFAULT_LANGUAGE


@lru_cache(maxsize=4096)
def name_country(code: str, language: str) -> str:
    """Return a country's name in a language ("India"); what is no country's code stays as it is."""
    try:
        return str(Locale.parse(language).territories.get(code.upper(), code))
    except (UnknownLocaleError, ValueError):
        return code


@lru_cache(maxsize=65_536)
def format_number(value: float, language: str, digits: int = 1) -> str:
    """Format a number as a language writes it, with at most so many decimals: 5,000 or 6.1."""
    return str(format_decimal(round(value, digits), format=f"#,##0.{'#' * digits}", locale=language))


@lru_cache(maxsize=4096)
def format_day(day: date, language: str) -> str:
    """Format a day without its year as a language writes it ("Feb 27")."""
    return str(format_skeleton("MMMd", day, locale=language))
