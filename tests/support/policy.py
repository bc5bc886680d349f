"""Builders for roles, people, resources and decisions, and strategies that draw them from small alphabets."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from doorward.domain.access.decide import decide
from doorward.domain.access.locks import Lock
from doorward.domain.access.prepared import Prepared, prepare
from doorward.domain.access.question import Context, Grant, Subject, Target, Wanted
from doorward.domain.access.role import Role
from doorward.domain.access.verdict import Allow, Decision, Deny
from doorward.domain.kinds.registry import parse_body

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
EVERYTHING: dict[str, Any] = {"*": ["*"]}


def role(
    name: str = "r",
    allow: Mapping[str, Any] | None = None,
    deny: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Role:
    """A role that went through the reader, as every real one does."""
    spec = {"allow": dict(allow or {}), "deny": dict(deny or {}), "options": dict(options or {})}
    value = parse_body({"kind": "role", "version": "v8", "metadata": {"name": name}, "spec": spec}).value
    assert isinstance(value, Role)
    return value


def wide(*logins: str, name: str = "wide", options: Mapping[str, Any] | None = None) -> Role:
    """A role that gives these logins (root when none is named) everywhere."""
    return role(name, {"logins": list(logins or ("root",)), "node_labels": EVERYTHING}, options=options)


def person(*roles: Role, traits: Mapping[str, Sequence[str]] | None = None, grants: tuple[Grant, ...] = ()) -> Prepared:
    """Alice, prepared."""
    held = {name: tuple(values) for name, values in (traits or {}).items()}
    return prepare(Subject("u" * 26, "alice", roles, held, sign_in_id="sign-in", device_id="device"), grants)


def node(labels: Mapping[str, str] | None = None, name: str = "web-01", kind: str = "node") -> Target:
    """A resource, a node unless said otherwise."""
    return Target(kind, f"id-of-{name}", name, labels or {})


def grant(*roles: Role, on: Target, logins: Sequence[str] = ("root",), name: str = "g1", hours: int = 1) -> Grant:
    """A grant that began an hour ago."""
    accounts = tuple(Wanted(login=login) for login in logins)
    starts = NOW - timedelta(hours=1)
    return Grant(
        name, f"request-{name}", roles, frozenset({(on.kind, on.id)}), accounts, starts, NOW + timedelta(hours=hours)
    )


def ask(
    prepared: Prepared,
    target: Target | None = None,
    login: str = "root",
    locks: tuple[Lock, ...] = (),
    context: Context | None = None,
) -> Decision:
    """Decide about one login."""
    return decide(prepared, target or node(), Wanted(login=login), locks, context or Context(), NOW)


def allows(*args: Any, **kwargs: Any) -> bool:
    """Whether `ask` is answered by an allow."""
    return isinstance(ask(*args, **kwargs), Allow)


def allowed(decision: Decision) -> Allow:
    """The decision, which must be an allow."""
    assert isinstance(decision, Allow), decision
    return decision


def denied(decision: Decision) -> Deny:
    """The decision, which must be a deny."""
    assert isinstance(decision, Deny), decision
    return decision


KEYS = ("env", "team")
VALUES = ("prod", "dev", "prod-eu", "")
LOGINS = ("root", "deploy", "alice")
TRAITS = ("envs", "names", "missing")

label_values = st.one_of(
    st.sampled_from(VALUES),
    st.sampled_from(("*", "prod*", "^(prod|dev)$", "^prod.*$")),
    st.sampled_from([f"{{{{external.{trait}}}}}" for trait in TRAITS]),
)
selectors = st.one_of(
    st.just(EVERYTHING), st.dictionaries(st.sampled_from(KEYS), st.lists(label_values, max_size=3), max_size=2)
)
expressions = st.sampled_from(
    (
        'labels["env"] == "prod"',
        'labels.team != "dev"',
        'contains(user.spec.traits["envs"], labels["env"])',
        'contains(email.local(user.spec.traits["names"]), labels.team)',
        '!regexp.match(labels.env, "prod*") || contains_all(user.spec.traits["envs"], labels_matching("e*"))',
    )
)
login_entries = st.sampled_from((*LOGINS, "{{external.names}}", "{{email.local(external.names)}}"))
options = st.fixed_dictionaries(
    {},
    optional={
        "max_session_ttl": st.sampled_from(("10m", "1h", "12h")),
        "client_idle_timeout": st.sampled_from(("1m", "1h")),
        "max_sessions": st.integers(1, 100),
        "require_session_mfa": st.sampled_from((True, False, "webauthn")),
        "record_session": st.sampled_from((["ssh"], {"ssh": "strict"}, {"default": "events"}, ["db"])),
        "ssh_port_forwarding": st.sampled_from(({"local": True}, {"local": False, "remote": {"enabled": True}})),
        "forward_agent": st.booleans(),
        "permit_shell": st.booleans(),
        "pin_source_ip": st.booleans(),
        "lock": st.sampled_from(("cut", "continue(1h)", "best_effort")),
        "device_trust_mode": st.sampled_from(("off", "optional", "required", "required-for-humans")),
    },
)


def _side(deny: bool) -> st.SearchStrategy[dict[str, Any]]:
    logins = st.lists(st.one_of(login_entries, st.just("*")) if deny else login_entries, max_size=3)
    return st.fixed_dictionaries(
        {}, optional={"node_labels": selectors, "node_labels_expression": expressions, "logins": logins}
    )


roles = st.builds(
    role, name=st.sampled_from(("a", "b", "c")), allow=_side(deny=False), deny=st.just({}), options=options
)
denying_roles = st.builds(role, name=st.just("fence"), allow=st.just({}), deny=_side(deny=True))
role_lists = st.lists(st.one_of(roles, roles, denying_roles), max_size=4).map(tuple)
trait_maps = st.fixed_dictionaries(
    {},
    optional={
        "envs": st.lists(st.sampled_from((*VALUES[:3], "*", "^.*$")), max_size=2).map(tuple),
        "names": st.lists(st.sampled_from(("alice", "alice@example.com", "*", "ro ot")), max_size=2).map(tuple),
    },
)
targets = st.builds(node, st.dictionaries(st.sampled_from(KEYS), st.sampled_from((*VALUES, "prod\n")), max_size=2))
locks = st.builds(
    lambda fields: Lock("l", tuple(fields.items())),
    st.dictionaries(
        st.sampled_from(("user", "role", "login", "node", "device")),
        st.sampled_from(("alice", "a", "root", "web-01", "device")),
        min_size=1,
        max_size=2,
    ),
)
grants = st.builds(
    grant,
    roles,
    on=st.just(node()),
    logins=st.lists(st.sampled_from(LOGINS), max_size=2),
    name=st.sampled_from(("g1", "g2")),
    hours=st.sampled_from((-1, 0, 1, 5)),
)
