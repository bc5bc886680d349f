"""The kinds of resources that roles speak of, and the fields that select and match them.

One row a kind. A *dimension* is one part of the account that is asked for; `needed` are those that the product always
names, so that a question which forgets one is refused instead of half decided.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Dimension:
    """One part of an account: its name in a question, its field in a role, whether `*` in allow means any."""

    name: str
    role_field: str
    allow_wildcard: bool = False


@dataclass(frozen=True, slots=True)
class ResourceKind:
    """A kind of resource: labels are read from `labels_field` and `labels_field` + `_expression`."""

    name: str
    labels_field: str
    dimensions: tuple[Dimension, ...] = ()
    needed: frozenset[str] = frozenset()

    @property
    def expression_field(self) -> str:
        return f"{self.labels_field}_expression"


RESOURCE_KINDS: Final = {
    kind.name: kind
    for kind in (
        ResourceKind("node", "node_labels", (Dimension("login", "logins"),), frozenset({"login"})),
        ResourceKind(
            "db",
            "db_labels",
            (
                Dimension("db_user", "db_users", allow_wildcard=True),
                Dimension("db_name", "db_names", allow_wildcard=True),
            ),
            frozenset({"db_user", "db_name"}),
        ),
        ResourceKind(
            "kube_cluster",
            "kubernetes_labels",
            (Dimension("kube_group", "kubernetes_groups"), Dimension("kube_user", "kubernetes_users")),
            frozenset({"kube_group"}),
        ),
        ResourceKind("app", "app_labels"),
        ResourceKind(
            "windows_desktop",
            "windows_desktop_labels",
            (Dimension("windows_login", "windows_desktop_logins"),),
            frozenset({"windows_login"}),
        ),
        ResourceKind("remote_cluster", "cluster_labels"),
    )
}
DIMENSIONS: Final = {dimension.name: dimension for kind in RESOURCE_KINDS.values() for dimension in kind.dimensions}
