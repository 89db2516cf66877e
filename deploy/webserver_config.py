"""How people sign in to the deployment's Airflow: by a password, or by OpenID Connect if OIDC_ISSUER is set.

Airflow's FAB auth manager reads this file (AIRFLOW__FAB__CONFIG_FILE). With OpenID Connect the groups of the
claim `groups` become roles at each sign-in; somebody in none of them may do nothing.
"""

import json
import os

from flask_appbuilder.const import AUTH_DB, AUTH_OAUTH

GROUPS = {
    "handpick-viewers": ["Viewer"],
    "handpick-merchandisers": ["Merchandiser"],
    "handpick-operators": ["Op"],
    "handpick-admins": ["Admin"],
}

WTF_CSRF_ENABLED = True
AUTH_TYPE = AUTH_DB
AUTH_RATE_LIMITED = True
AUTH_RATE_LIMIT = "10 per minute"

if issuer := os.environ.get("OIDC_ISSUER", "").rstrip("/"):
    AUTH_TYPE = AUTH_OAUTH
    AUTH_USER_REGISTRATION = True
    AUTH_USER_REGISTRATION_ROLE = "Public"
    AUTH_ROLES_SYNC_AT_LOGIN = True
    AUTH_ROLES_MAPPING = json.loads(os.environ.get("OIDC_GROUPS") or json.dumps(GROUPS))
    OAUTH_PROVIDERS = [
        {
            # FAB reads the claims of a provider of this name as OpenID Connect has them.
            "name": "keycloak",
            "icon": "fa-key",
            "token_key": "access_token",
            "remote_app": {
                "client_id": os.environ["OIDC_CLIENT_ID"],
                "client_secret": os.environ["OIDC_CLIENT_SECRET"],
                "client_kwargs": {"scope": "openid profile email groups"},
                "server_metadata_url": f"{issuer}/.well-known/openid-configuration",
                "api_base_url": os.environ.get("OIDC_API_BASE") or f"{issuer}/protocol/",
            },
        }
    ]
