"""Opts out of the usage statistics that libraries would otherwise send to their vendors."""

import os

OPT_OUTS = {
    # Two conventions that several libraries share, then each library's own variable: no library follows all
    # of them.
    "SCARF_ANALYTICS": "false",
    "DO_NOT_TRACK": "1",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    "AIRFLOW__COSMOS__ENABLE_TELEMETRY": "False",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "FEAST_USAGE": "False",
    "GX_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "ANONYMIZED_TELEMETRY": "false",
}
"""Environment variables that switch usage statistics off, and their values."""


def disable_telemetry() -> None:
    """Set every opt-out that is not already set; child processes inherit them.

    Libraries read them while they are imported, so `handpick/__init__.py` calls this before anything else is.
    """
    for name, value in OPT_OUTS.items():
        os.environ.setdefault(name, value)
