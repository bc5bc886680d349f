"""How many decisions a core makes per second, and how long a list of 10,000 nodes takes.

The shape of a real installation: four roles with labels, globs, a regular expression, traits and an expression, one of
them with denies; 4000 nodes asked about with five logins each. Run it with `python -m benchmarks.decide`.
"""

import gc
import statistics
import time
from datetime import UTC, datetime

from doorward.domain.access.decide import decide
from doorward.domain.access.listing import Listing
from doorward.domain.access.prepared import Prepared, prepare
from doorward.domain.access.question import Context, Subject, Target, Wanted
from doorward.domain.access.role import Role
from doorward.domain.access.verdict import Allow
from doorward.domain.kinds.registry import parse_documents

NODES = 4000
LISTED_NODES = 10_000
LOGINS = ("root", "deploy", "alice", "postgres", "backup")
ROUNDS = 5
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROLES = """
kind: role
version: v8
metadata: {name: developer}
spec:
  allow:
    logins: ["{{email.local(external.email)}}", deploy]
    node_labels: {env: [dev, "stage*"], team: "{{external.teams}}"}
---
kind: role
version: v8
metadata: {name: operator}
spec:
  allow:
    logins: [root, deploy, backup]
    node_labels: {env: [prod, stage], region: "^(eu|us)-(west|central)-[0-9]+$"}
  options: {require_session_mfa: true, max_session_ttl: 1h, record_session: {ssh: strict}}
---
kind: role
version: v8
metadata: {name: database-admin}
spec:
  allow:
    logins: [postgres]
    node_labels: {role: ["db*"]}
    node_labels_expression: contains(user.spec.traits["teams"], labels["team"]) || labels["env"] == "dev"
---
kind: role
version: v8
metadata: {name: fences}
spec:
  allow:
    logins: [deploy]
    node_labels: {env: test}
  deny:
    logins: [admin]
    node_labels: {data: ["secret", "{{external.fenced}}"]}
"""


def _subject() -> Prepared:
    roles: tuple[Role, ...] = tuple(declared.value for declared in parse_documents(ROLES, "roles.yaml"))
    traits = {"email": ("alice@example.com",), "teams": ("web", "data", "core"), "fenced": ("sealed",)}
    return prepare(Subject("u" * 26, "alice", roles, traits))


def _targets(count: int) -> list[Target]:
    environments, teams = ("dev", "stage", "prod", "test"), ("web", "data", "core", "ops", "net")
    regions, roles, data = (
        ("eu-west-1", "us-central-2", "ap-south-1"),
        ("web", "db01", "db02", "cache"),
        ("open", "secret"),
    )
    return [
        Target(
            "node",
            f"id{place}",
            f"node-{place}",
            {
                "env": environments[place % 4],
                "team": teams[place % 5],
                "region": regions[place % 3],
                "role": roles[place // 7 % 4],
                "data": data[place % 11 == 0],
                "host": f"node-{place}",
            },
        )
        for place in range(count)
    ]


def measure() -> dict[str, float]:
    """`decide_per_core_s`: decisions per second; `list_10k_ms`: the p50 of a list of 10,000 nodes."""
    targets, wanted = _targets(NODES), [Wanted(login=login) for login in LOGINS]
    context, prepared = Context(), _subject()
    rates: list[float] = []
    for _ in range(ROUNDS):
        gc.collect()
        start = time.process_time()  # per core: what others do on the machine is not ours
        allowed = 0
        for target in targets:
            for one in wanted:
                allowed += isinstance(decide(prepared, target, one, (), context, NOW), Allow)
        rates.append(NODES * len(wanted) / (time.process_time() - start))
        if not 0 < allowed < NODES * len(wanted):
            raise RuntimeError("the benchmark must see both answers")
    listed = _targets(LISTED_NODES)
    times: list[float] = []
    for _ in range(ROUNDS):
        fresh = _subject()
        gc.collect()
        start = time.perf_counter()
        listing = Listing(fresh, (), NOW)
        seen = sum(bool(listing.of(target)[0]) for target in listed)
        times.append((time.perf_counter() - start) * 1000)
        if not 0 < seen < LISTED_NODES:
            raise RuntimeError("the benchmark must see both answers")
    return {"decide_per_core_s": statistics.median(rates), "list_10k_ms": statistics.median(times)}


def main() -> None:
    """Print the figures."""
    for name, value in measure().items():
        print(f"{name}: {value:,.1f}")


if __name__ == "__main__":
    main()
