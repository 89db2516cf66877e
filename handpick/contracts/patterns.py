"""Patterns and sets that several contracts use."""

ID = r"[^\x00-\x20\x7f]{1,128}"
"""Anything visible without white space."""

PATH = r"[^\x00-\x1f\x7f]{1,1000}"
"""A relative path; whether it leads anywhere is for the media check."""

EVENT_TYPES = ("impression", "view", "cart", "purchase", "return", "rating")
