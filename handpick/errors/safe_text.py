r"""Makes text safe to show: control characters become visible, and secrets are replaced.

Texts of suppliers and customers (titles, queries, file names), and messages of libraries that repeat a DSN,
reach people by errors, logs, tables on the terminal and pages. All of these pass them through this module:
`HandpickError`, `handpick.runtime.log` and `handpick.runtime.html`.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from urllib.parse import quote, unquote, urlsplit

HIDDEN = "***"
"""What stands in place of a secret."""
MIN_SECRET_LENGTH = 6
"""Shorter values are not searched for: they would also stand in harmless words."""

# C0 and C1 controls (terminal sequences, NUL, carriage return), marks that reorder text (a file called
# `gpj.exe` reads `exe.jpg`), invisible characters, line separators, lone surrogates.
_UNSAFE = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff"
)
_CONTROLS = re.compile(f"[{_UNSAFE}]")
_CONTROLS_AND_BREAKS = re.compile(f"[{_UNSAFE}\t\n]")

# Repetitions are bounded, so that a hostile text of a megabyte costs no more than linear time.
_URL = re.compile(r"(?P<start>\b[a-z][a-z0-9+.\-]{0,30}://)(?P<login>[^\s'\"<>]{0,400})@", re.IGNORECASE)
_PREFIX = r"(?:[a-z0-9]{1,40}[-_.]){0,4}"
_NAMES = (
    r"(?:password|passwd|pwd|secret|token|signature|sig|credentials?|awsaccesskeyid|"
    r"(?:api|access|secret|account)[-_]?key)"
)
_ASSIGNED = re.compile(
    rf"(?P<name>(?<![a-z0-9]){_PREFIX}{_NAMES}['\"]?\s{{0,5}}(?:=|%3d)\s{{0,5}}|"
    rf"\"{_PREFIX}{_NAMES}\"\s{{0,5}}:\s{{0,5}})"
    r"(?P<value>\"[^\"]*\"|'[^']*'|[^\s&;,'\"<>)]+)",
    re.IGNORECASE,
)
_BEARER = re.compile(r"\b(?P<name>bearer\s+)(?=\S*\d)[a-z0-9._~+/=\-]{8,}", re.IGNORECASE)
_SECRET_VARIABLE = re.compile(
    r"(?:PASSWORD|PASSWD)$|(?:^|_)(?:SECRET|TOKEN|API_?KEY|ACCESS_KEY|SECRET_KEY|ACCESS_KEY_ID|DSN)$"
)

_registered: set[str] = set()


def escape_controls(text: str, *, keep_breaks: bool = False) -> str:
    r"""Replace control characters, reordering marks and lone surrogates by their escapes, such as `\x1b`.

    Args:
        text: Any text.
        keep_breaks: Whether line breaks and tabs stay, for texts that we laid out ourselves.
    """
    unsafe = _CONTROLS if keep_breaks else _CONTROLS_AND_BREAKS
    return unsafe.sub(lambda found: found.group().encode("unicode_escape").decode(), text)


def redact_secrets(text: str) -> str:
    """Replace secrets by `***`: passwords in URLs, values assigned to names such as `token=`, known secrets.

    Known are the values passed to `register_secret`, and environment variables with names such as
    `PGPASSWORD`.
    """
    # Longest first: a DSN is replaced before the password in it.
    for secret in sorted(list_known_secrets(), key=len, reverse=True):
        if secret in text:
            text = text.replace(secret, HIDDEN)
    text = _URL.sub(_hide_login, text)
    text = _ASSIGNED.sub(lambda found: f"{found['name']}{HIDDEN}", text)
    return _BEARER.sub(lambda found: f"{found['name']}{HIDDEN}", text)


def make_showable(text: str, *, keep_breaks: bool = False) -> str:
    """Return a text without secrets, and with its control characters escaped."""
    return escape_controls(redact_secrets(text), keep_breaks=keep_breaks)


def register_secret(value: str) -> None:
    """Remember a secret setting, so that no message shows it: the whole value, and the password in a URL."""
    _registered.update(_list_forms(value))


def list_known_secrets() -> list[str]:
    """Return the registered secrets and those in the environment, for logs of programs that mask them."""
    return sorted(_registered | _list_environment_secrets())


def has_secret(url: str) -> bool:
    """Return whether a URL holds a password, or a query parameter such as a token or a signature."""
    return redact_secrets(url) != url


def _hide_login(found: re.Match[str]) -> str:
    """Replace the password before the `@` of a URL; a user without a password stays."""
    user, colon, _ = found["login"].partition(":")
    return f"{found['start']}{user}:{HIDDEN}@" if colon else found.group()


def _list_environment_secrets() -> set[str]:
    """Return the secrets in this process's environment."""
    names = [name for name in os.environ if _is_secret_name(name)]
    return {form for name in names for form in _list_forms(os.environ[name])}


# Both are asked for every text of a page.
@lru_cache(maxsize=1024)
def _is_secret_name(name: str) -> bool:
    """Return whether a variable of the environment is called like a secret."""
    return _SECRET_VARIABLE.search(name.upper()) is not None


@lru_cache(maxsize=256)
def _list_forms(value: str) -> frozenset[str]:
    """Return a secret in the forms in which libraries repeat it: whole, password, with and without %xx."""
    found = {value}
    try:
        password = urlsplit(value).password
    except ValueError:  # not a URL that Python can parse
        password = None
    assigned = re.search(r"password\s*=\s*('[^']*'|[^\s,&]+)", value)
    # Without a scheme, as in `user:password@host`, or with a `/` in the password, where Python sees a path.
    login = re.search(r"^(?:[a-z][a-z0-9+.\-]*://)?[^:@/]*:(.+)@", value, re.IGNORECASE)
    found |= {password or "", assigned[1].strip("'") if assigned else "", login[1] if login else ""}
    found |= {unquote(form) for form in found}
    found |= {quote(form, safe="") for form in found}
    return frozenset(form for form in found if len(form) >= MIN_SECRET_LENGTH)
