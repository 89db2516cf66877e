"""Switches off the usage statistics that the libraries under Handpick would otherwise send home."""

import os

OPT_OUTS = {
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


def switch_off_usage_statistics() -> None:
    """Set every opt-out that is not already set; child processes inherit them."""
    for name, value in OPT_OUTS.items():
        os.environ.setdefault(name, value)
