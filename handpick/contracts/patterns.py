"""Patterns and sets that several contracts use."""

ID = r"[^\x00-\x20\x7f\u00a0\ufffd]{1,128}"
"""Anything visible without white space; U+FFFD stands for bytes that were lost, so that it cannot identify anything."""

PATH = r"[^\x00-\x1f\x7f]{1,1000}"
"""A relative path; whether it leads anywhere is for the media check."""

EVENT_TYPES = ("impression", "view", "cart", "purchase", "return", "rating")

IN_JAVA = {ID: rf"[!-~]{{1,128}}|{ID}"}
"""Some patterns as Java reads them several times faster: plain ASCII, which they allow anyway, is tried first."""
