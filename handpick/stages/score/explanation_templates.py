"""Text templates of the explanations, by language.

They are filled with known facts only; unknown ones are left out.
"""

from __future__ import annotations

DEFAULT_LANGUAGE = "en"
"""Language where a user's is not offered."""

REASON_TEMPLATES: dict[str, dict[str, str]] = {
    "en": {
        "query": "because you asked for «{query}»",
        "query_image": "because of the picture you sent",
        "query_audio": "because of what you asked by voice",
        "history": "like the {title} you {did}{difference}",
        "history_other": "because you {did} the {title}",
        "popular": "popular in {country}",
        "popular_all": "popular with our customers",
        "launch": "new this week",
        "exploration": "something different to discover",
        "campaign": "featured: {campaign}",
        "model": "a strong match for your profile",
        "similar": "{facts}",
        "similar_other": "similar overall",
    },
    "zh": {
        "query": "因为您想找“{query}”",
        "query_image": "因为您发来的图片",
        "query_audio": "因为您的语音提问",
        "history": "与您{did}的 {title} 相似{difference}",
        "history_other": "因为您{did}过 {title}",
        "popular": "在{country}热销",
        "popular_all": "广受顾客欢迎",
        "launch": "本周新品",
        "exploration": "换个口味看看",
        "campaign": "活动推荐：{campaign}",
        "model": "与您的偏好高度匹配",
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
ADVANTAGE_TEMPLATES: dict[str, dict[str, str]] = {
    "en": {
        "price": "{amount:,.0f} {unit} cheaper",
        "weight_g": "{amount:.0f} g lighter",
        "thickness_mm": "{amount:.1f} mm thinner",
        "battery_mah": "{amount:,.0f} mAh more battery",
        "display_inches": "{amount:.1f}″ more screen",
        "main_camera_mp": "{amount:.0f} MP more camera",
        "storage_gb": "{amount:.0f} GB more storage",
        "ram_gb": "{amount:.0f} GB more memory",
        "refresh_hz": "{amount:.0f} Hz faster screen",
        "charging_w": "{amount:.0f} W faster charging",
    },
    "zh": {
        "price": "便宜 {amount:,.0f} {unit}",
        "weight_g": "轻 {amount:.0f} 克",
        "thickness_mm": "薄 {amount:.1f} 毫米",
        "battery_mah": "电池多 {amount:,.0f} mAh",
        "display_inches": "屏幕大 {amount:.1f} 英寸",
        "main_camera_mp": "摄像头多 {amount:.0f} MP",
        "storage_gb": "存储多 {amount:.0f} GB",
        "ram_gb": "内存多 {amount:.0f} GB",
        "refresh_hz": "刷新率高 {amount:.0f} Hz",
        "charging_w": "充电快 {amount:.0f} W",
    },
}
"""Advantages of one phone over another, by language and fact."""
COMMON_TEMPLATES = {
    "en": {"brand": "same brand", "word": "also {value}", "tag": "also {value}"},
    "zh": {"brand": "同一品牌", "word": "同为 {value}", "tag": "同样{value}"},
}
"""What two phones share, by language and kind of fact."""
COMMA = {"en": ", ", "zh": "，"}
"""Separator of two facts, by language."""


def choose_language(locale: str, offered: tuple[str, ...]) -> str:
    """Choose the language of a locale such as `zh-CN` if it is offered and has templates, else English."""
    code = locale.replace("_", "-").split("-")[0].lower()
    return code if code in REASON_TEMPLATES and code in offered else DEFAULT_LANGUAGE
