"""The Recommendations pages of Airflow's web UI, for signed-in users."""

from recommendation_pages.app import pages

__all__ = ["pages"]
