"""The fields of a role that other systems honour and this one does not yet.

Each is refused by name, so that nobody believes in a restriction, or a permission, that is not there. Whoever makes one
of them work takes it out of this table and reads it in `role.py`.
"""

from typing import Final

_REQUESTS: Final = "access requests"
_JOINING: Final = "joining sessions"
_IMPERSONATION: Final = "impersonation"
_DATABASES: Final = "databases' own roles and objects"
_CLOUDS: Final = "cloud accounts"
_KUBERNETES: Final = "rules inside Kubernetes clusters"
_HOST_USERS: Final = "creating users on hosts"
_WORKLOADS: Final = "workload identities"
_OTHER: Final = "this"

NOT_YET_HONOURED: Final[dict[str, str]] = {
    "request": _REQUESTS,
    "review_requests": _REQUESTS,
    "break_glass": "break-glass",
    "join_sessions": _JOINING,
    "require_session_join": _JOINING,
    "impersonate": _IMPERSONATION,
    "db_roles": _DATABASES,
    "db_permissions": _DATABASES,
    "db_service_labels": _DATABASES,
    "db_service_labels_expression": _DATABASES,
    "kubernetes_resources": _KUBERNETES,
    "aws_role_arns": _CLOUDS,
    "azure_identities": _CLOUDS,
    "gcp_service_accounts": _CLOUDS,
    "host_groups": _HOST_USERS,
    "host_sudoers": _HOST_USERS,
    "desktop_groups": _HOST_USERS,
    "workload_identity_labels": _WORKLOADS,
    "workload_identity_labels_expression": _WORKLOADS,
    "spiffe": _WORKLOADS,
    "group_labels": _OTHER,
    "group_labels_expression": _OTHER,
    "github_permissions": _OTHER,
    "account_assignments": _OTHER,
    "app_resources": _OTHER,
    "mcp": _OTHER,
}


def not_yet_honoured(field: str) -> str:
    """What to say about a field of the table."""
    return f"not yet honoured ({NOT_YET_HONOURED[field]}), and refused so that nobody relies on it"
