"""Airflow plugin that adds the Recommendations pages to the web UI."""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin


class Recommendations(AirflowPlugin):
    """The pages and their entry in the navigation."""

    name = "recommendations"
    external_views = [  # noqa: RUF012
        {
            "name": "Recommendations",
            "href": "handpick/",
            "destination": "nav",
            # An entry of its own in the navigation: below Browse nobody found it.
            "nav_top_level": True,
            "url_route": "recommendations",
        }
    ]

    @property
    def fastapi_apps(self) -> list[dict[str, Any]]:
        """The pages' application.

        It is a property, so that only the API server imports it and not every task that loads plugins.
        """
        from recommendation_pages import pages

        return [{"app": pages, "url_prefix": "/handpick", "name": "Handpick recommendations"}]
