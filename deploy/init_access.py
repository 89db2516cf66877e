"""Makes the role Merchandiser and the login of the first administrator; run again, it changes the password.

Viewer, Op (operators) and Admin are Airflow's own roles. A merchandiser sees what a viewer sees, and may roll
lists back and release quarantined rows: start runs of the two DAGs, and nothing else.
"""

from __future__ import annotations

import os

from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder

RUN_DAGS = ("rollback_lists", "nightly_recommendations")
RUNS = [("can_edit", f"DAG:{dag}") for dag in RUN_DAGS] + [
    ("can_create", f"DAG Run:{dag}") for dag in RUN_DAGS
]


def main() -> None:
    """Make them in Airflow's database, which has been migrated."""
    with get_application_builder() as builder:
        manager = builder.sm
        manager.sync_roles()
        manager.bulk_sync_roles(
            [{"role": "Merchandiser", "perms": [*manager.VIEWER_PERMISSIONS, *RUNS]}],
        )
        password = os.environ["AIRFLOW_ADMIN_PASSWORD"]
        admin = manager.find_user(username="admin")
        if admin is None:
            role = manager.find_role("Admin")
            manager.add_user("admin", "Admin", "Handpick", "admin@localhost", role, password=password)
        else:
            manager.reset_password(admin.id, password)


if __name__ == "__main__":
    main()
