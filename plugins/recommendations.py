"""Puts the Recommendations pages into Airflow's web UI."""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin


class Recommendations(AirflowPlugin):
    """Adds the pages and their place in the navigation."""

    name = "recommendations"
    external_views = [  # noqa: RUF012
        {
            "name": "Recommendations",
            "href": "handpick/",
            "destination": "nav",
            "category": "browse",
            "url_route": "recommendations",
        }
    ]

    @property
    def fastapi_apps(self) -> list[dict[str, Any]]:
        """The pages: loaded by the API server, which asks for them, and not by every task that loads plugins."""
        from recommendation_pages import pages

        return [{"app": pages, "url_prefix": "/handpick", "name": "Handpick recommendations"}]
