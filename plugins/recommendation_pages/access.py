"""Who may do what on the pages: rights by action, of Airflow's auth manager, and tokens against forgery."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from enum import Enum
from typing import Annotated, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import get_user
from airflow.configuration import conf
from fastapi import Depends, Form, Request
from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.exceptions import HTTPException

TOKEN_SECONDS = 4 * 3600
"""How long a form may stay open."""
NIGHTLY_DAG, ROLLBACK_DAG = "nightly_recommendations", "rollback_lists"


class Action(Enum):
    """What a person may do on the pages, beyond reading."""

    ROLL_BACK = "roll back"
    RELEASE = "release"
    OVERRIDE = "override"
    ERASE = "erase"


def may(action: Action, user: Any) -> bool:
    """Return whether a user has the right to an action, by Airflow's auth manager.

    Rolling back needs the right to start a run of the DAG rollback_lists; releasing rows that to start a
    run of the nightly DAG; overriding the gate that to edit this DAG and pools, as operators have; erasing
    that to delete this DAG, to edit connections and to read Airflow's own audit log, as administrators have.
    """
    manager = get_auth_manager()
    run = DagAccessEntity.RUN

    def may_dag(method: Any, dag: str, entity: DagAccessEntity | None = None) -> bool:
        details = DagDetails(id=dag)
        return bool(
            manager.is_authorized_dag(method=method, access_entity=entity, details=details, user=user)
        )

    if action is Action.ROLL_BACK:
        return may_dag("POST", ROLLBACK_DAG, run)
    if action is Action.RELEASE:
        return may_dag("POST", NIGHTLY_DAG, run)
    if action is Action.OVERRIDE:
        return may_dag("PUT", NIGHTLY_DAG) and bool(manager.is_authorized_pool(method="PUT", user=user))
    return (
        may_dag("DELETE", NIGHTLY_DAG)
        and may_dag("GET", NIGHTLY_DAG, DagAccessEntity.AUDIT_LOG)
        and bool(manager.is_authorized_connection(method="PUT", user=user))
    )


def find_rights(user: Any) -> set[str]:
    """Return the names of the actions that a user may do."""
    return {action.value for action in Action if may(action, user)}


def make_token(user: Any) -> str:
    """Return a token for the forms of a user; no other user's forms accept it."""
    return str(_serializer().dumps(str(user.get_name())))


def require(action: Action) -> Callable[..., Any]:
    """Return a dependency of a form: the user, if they may do the action and the form is ours.

    Raises:
        HTTPException: 403 for a user without the right, and for a form that another site sent.
    """

    def check(
        request: Request, user: Annotated[Any, Depends(get_user)], token: Annotated[str, Form()] = ""
    ) -> Any:
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise HTTPException(403, "The form came from another site; nothing was changed.")
        try:
            owner = _serializer().loads(token, max_age=TOKEN_SECONDS)
        except BadSignature:
            owner = None
        if owner != str(user.get_name()):
            raise HTTPException(
                403, "The form is too old or not of this page; nothing was changed. Load the page again."
            )
        if not may(action, user):
            raise HTTPException(403, f"You have no right to {action.value}; nothing was changed.")
        return user

    return check


def _serializer() -> URLSafeTimedSerializer:
    """Return the signer of tokens, with a key that is made of Airflow's own."""
    key = hashlib.sha256(b"handpick pages " + conf.get_mandatory_value("api", "secret_key").encode()).digest()
    return URLSafeTimedSerializer(key)
