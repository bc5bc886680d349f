"""Fills an installation's own database with nodes, as if an administrator had declared and set up each of them.

Through the store and not through `dw apply`, because ten thousand declarations are not what is measured. Every node has
a verified host key, so that lists and decisions take the whole path.
"""

from collections.abc import Sequence

from doorward.authority.ports import StoredResource, Transaction
from doorward.base.clock import SystemClock
from doorward.base.entropy import SystemEntropy
from doorward.base.ids import NodeId, new_id
from doorward.domain.access.role import Role
from doorward.domain.identity.machines import HostVerification, NodeHost
from doorward.domain.kinds.node import Node
from doorward.domain.kinds.registry import dump, parse_documents
from doorward.domain.kinds.user import User
from doorward.stores.sql.store import SqlStore
from doorward.wire.ssh.public_key import ed25519_blob

AT_ONCE = 500
_HOST_KEY = ed25519_blob(bytes(32))


def stored(kind: str, value: Node | Role | User) -> StoredResource:
    """A declared value as the first revision of a resource."""
    return StoredResource(kind, value.name, new_id(SystemEntropy()), 1, dump(value), SystemClock().now())


def filler(count: int) -> list[Node]:
    """Nodes of many environments, teams and regions; addresses that are never dialled."""
    environments, teams = ("dev", "stage", "prod", "test"), ("web", "data", "core", "ops", "net")
    regions, roles = ("eu-west-1", "us-central-2", "ap-south-1"), ("web", "db01", "db02", "cache")
    return [
        Node(
            f"node-{place}",
            "127.0.0.1",
            1,
            {
                "env": environments[place % 4],
                "team": teams[place % 5],
                "region": regions[place % 3],
                "role": roles[place // 7 % 4],
                "data": "secret" if place % 11 == 0 else "open",
                "host": f"node-{place}",
            },
        )
        for place in range(count)
    ]


async def add_nodes(store: SqlStore, nodes: Sequence[Node]) -> None:
    """Store them, verified."""
    for start in range(0, len(nodes), AT_ONCE):
        some = [stored("node", node) for node in nodes[start : start + AT_ONCE]]

        def work(tx: Transaction, some: Sequence[StoredResource] = some) -> None:
            for node in some:
                tx.resources.insert(node)
                tx.node_hosts.put(
                    NodeHost(NodeId(node.id), "SHA256:bench", _HOST_KEY, HostVerification.TOKEN, tx.now, "bench")
                )

        await store.write(work)


async def add_roles(store: SqlStore, text: str) -> None:
    """Store the roles that YAML text declares."""
    roles = [stored("role", declared.value) for declared in parse_documents(text, "roles.yaml")]

    def work(tx: Transaction) -> None:
        for role in roles:
            tx.resources.insert(role)

    await store.write(work)
