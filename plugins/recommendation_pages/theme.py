"""The one script of the pages: it gives them the theme that Airflow's own switch has, and follows it."""

from __future__ import annotations

import base64
import hashlib

from markupsafe import Markup, escape

from handpick.runtime.html import CONTENT_POLICY

THEME_SCRIPT = """
const root = document.documentElement, system = matchMedia("(prefers-color-scheme: dark)");
function follow() {
  let chosen = null;
  try { chosen = localStorage.getItem("theme"); } catch { /* no storage: the browser decides */ }
  if (chosen !== "light" && chosen !== "dark") chosen = system.matches ? "dark" : "light";
  root.dataset.theme = chosen;
}
follow();
addEventListener("storage", follow);
system.addEventListener("change", follow);
"""
"""Airflow keeps its theme in this key of the storage of its origin, where the pages are too. The event comes
from other documents of the origin, as Airflow is when it frames a page."""
SCRIPT_SOURCE = f"'sha256-{base64.b64encode(hashlib.sha256(THEME_SCRIPT.encode()).digest()).decode()}'"
"""Allows this script in a content security policy, and no other."""
THEME_ELEMENT = Markup(f"<script>{THEME_SCRIPT}</script>")  # noqa: S704 - a constant
PAGE_POLICY = (
    f"default-src 'none'; script-src {SCRIPT_SOURCE}; style-src 'unsafe-inline'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
)
"""Content security policy of all pages: no script but the theme's; only Airflow may frame them."""


def add_theme(html: str) -> str:
    """Return a page that a stage wrote with the theme's script, which its own policy then allows too."""
    own = escape(f"{CONTENT_POLICY}; script-src {SCRIPT_SOURCE}")
    return html.replace(escape(CONTENT_POLICY), own, 1).replace("</style>", f"</style>{THEME_ELEMENT}", 1)
