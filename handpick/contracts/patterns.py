"""Regular expressions and value sets that several contracts share."""

ID_PATTERN = r"[^\x00-\x20\x7f\u00a0\ufffd]{1,128}"
"""Visible characters without white space, except U+FFFD, which replaces undecodable bytes."""

PATH_PATTERN = r"[^\x00-\x1f\x7f]{1,1000}"
"""A relative path without control characters; the media check decides whether the file exists."""

EVENT_TYPES = ("impression", "view", "cart", "purchase", "return", "rating")

JAVA_PATTERNS = {ID_PATTERN: rf"[!-~]{{1,128}}|{ID_PATTERN}"}
"""Equivalent patterns that Java matches several times faster, as they try plain ASCII first."""
