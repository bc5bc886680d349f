"""Roles: the sample loads as it stands, and nothing that we do not honour loads at all."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support import policy

from doorward.domain.access.built_in import BUILT_IN_ROLES
from doorward.domain.access.role import Role
from doorward.domain.kinds.positioned import InvalidDocuments, Problem
from doorward.domain.kinds.registry import dump, load_body, parse_body, parse_documents
from doorward.domain.kinds.role_fields import NOT_YET_HONOURED

SAMPLE = """
kind: role
version: v5
metadata: {name: developer-read-only-jit}
spec:
  allow:
    logins: [devops]
    kubernetes_labels: {teleport.dev/cluster: production, kubernetes.io/metadata.name: web-app-namespace}
    kubernetes_groups: ["system:authenticated"]
    db_labels: {teleport.dev/cluster: production, env: production, db-type: postgres}
    db_names: [web_app_db]
    db_users: [readonly_user]
    node_labels: {"*": "*"}
    app_labels: {teleport.dev/cluster: production, app: internal-dashboard}
  options: {max_session_ttl: 1h, require_mfa: true, record_session: [ssh, kubernetes, db, app]}
"""


def problems(spec: dict[str, Any], **more: Any) -> tuple[Problem, ...]:
    document = {"kind": "role", "version": "v7", "metadata": {"name": "r"}, "spec": spec} | more
    with pytest.raises(InvalidDocuments) as caught:
        parse_body(document)
    return caught.value.problems


def test_the_sample_role_loads_as_it_stands_and_works() -> None:
    (declared,) = parse_documents(SAMPLE, "sample.yaml")
    assert (declared.kind, declared.name, declared.line) == ("role", "developer-read-only-jit", 2)
    assert policy.allows(policy.person(declared.value), policy.node(), "devops")
    assert not policy.allows(policy.person(declared.value), policy.node(), "root")


@pytest.mark.parametrize("version", ["v5", "v6", "v7", "v8"])
def test_versions_load(version: str) -> None:
    body = {"kind": "role", "version": version, "metadata": {"name": "r"}, "spec": {}}
    assert dump(load_body("role", body))["version"] == version


@pytest.mark.parametrize("version", ["v4", "v9", "5"])
def test_other_versions_do_not(version: str) -> None:
    assert problems({}, version=version)[0].field == "version"


@pytest.mark.parametrize("side", ["allow", "deny"])
@pytest.mark.parametrize("field", sorted(NOT_YET_HONOURED))
def test_fields_not_yet_honoured_are_refused_by_name(side: str, field: str) -> None:
    (problem,) = problems({side: {field: ["x"]}})
    assert problem.field == f"spec.{side}.{field}"
    assert "not yet honoured" in problem.message


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"allow": {"node_label": {"a": "b"}}}, "spec.allow.node_label"),
        ({"deny": {"loginz": ["root"]}}, "spec.deny.loginz"),
        ({"options": {"max_session_tll": "1h"}}, "spec.options.max_session_tll"),
        ({"conditions": {}}, "spec.conditions"),
        ({"allow": {"node_labels": {"*": "*", "env": "prod"}}}, "spec.allow.node_labels.*"),
        ({"deny": {"node_labels": {"*": "*", "env": "prod"}}}, "spec.deny.node_labels.*"),
        ({"allow": {"node_labels": {"*": "prod"}}}, "spec.allow.node_labels.*"),
        ({"allow": {"node_labels": {"*": ["*", "prod"]}}}, "spec.allow.node_labels.*"),
        ({"allow": {"node_labels": {"*": []}}}, "spec.allow.node_labels.*"),
        ({"allow": {"node_labels": {"env": "^a|b$"}}}, "spec.allow.node_labels.env"),
        ({"deny": {"node_labels": {"env": ["x", "^a|b$"]}}}, "spec.deny.node_labels.env[1]"),
        ({"deny": {"node_labels": {"env": "^($"}}}, "spec.deny.node_labels.env"),
        ({"deny": {"node_labels": {"env": "{{external.}}"}}}, "spec.deny.node_labels.env"),
        ({"deny": {"node_labels": {"{{external.x}}": "a"}}}, "spec.deny.node_labels.{{external.x}}"),
        ({"allow": {"node_labels": {"env": "^[{{external.x}}]$"}}}, "spec.allow.node_labels.env"),
        ({"allow": {"node_labels": {"reported/os": "linux"}}}, "spec.allow.node_labels.reported/os"),
        ({"allow": {"node_labels": {"env": None}}}, "spec.allow.node_labels.env"),
        ({"allow": {"node_labels": {"env": [True]}}}, "spec.allow.node_labels.env[0]"),
        ({"allow": {"node_labels": "*"}}, "spec.allow.node_labels"),
        ({"allow": {"node_labels_expression": "true"}}, "spec.allow.node_labels_expression"),
        ({"allow": {"node_labels_expression": ["x"]}}, "spec.allow.node_labels_expression"),
        ({"allow": {"logins": "root"}}, "spec.allow.logins"),
        ({"allow": {"logins": ["root", "ro ot"]}}, "spec.allow.logins[1]"),
        ({"allow": {"logins": ["*"]}}, "spec.allow.logins[0]"),
        ({"allow": {"logins": ["-oProxyCommand"]}}, "spec.allow.logins[0]"),
        ({"allow": {"logins": ["a,b"]}}, "spec.allow.logins[0]"),
        ({"allow": {"logins": ["x:{{external.y}}"]}}, "spec.allow.logins[0]"),
        ({"allow": {"logins": [""]}}, "spec.allow.logins[0]"),
        ({"allow": {"kubernetes_groups": ["*"]}}, "spec.allow.kubernetes_groups[0]"),
        ({"allow": {"db_users": ["a\nb"]}}, "spec.allow.db_users[0]"),
        ({"allow": {"rules": [{"resources": ["user"], "verbs": ["fly"]}]}}, "spec.allow.rules[0].verbs[0]"),
        ({"allow": {"rules": [{"resources": ["*"], "verbs": ["read"]}]}}, "spec.allow.rules[0].resources[0]"),
        ({"allow": {"rules": [{"resources": [], "verbs": ["read"]}]}}, "spec.allow.rules[0].resources"),
        ({"allow": {"rules": [{"verbs": ["read"]}]}}, "spec.allow.rules[0].resources"),
        ({"deny": {"rules": [{"resources": ["user"], "verbs": ["read"], "where": "x"}]}}, "spec.deny.rules[0].where"),
        ({"allow": {"rules": {"resources": ["user"]}}}, "spec.allow.rules"),
        ({"allow": []}, "spec.allow"),
        ({"options": []}, "spec.options"),
    ],
)
def test_a_wrong_role_is_refused_naming_the_field(spec: dict[str, Any], field: str) -> None:
    assert field in [problem.field for problem in problems(spec)]


def test_all_problems_are_reported_at_once_with_their_lines() -> None:
    head = "kind: role\nversion: v5\nmetadata:\n  name: Bad\n"
    text = head + "spec:\n  allow:\n    logins: ['*']\n    foo: 1\n  options: {bar: 1}\n"
    with pytest.raises(InvalidDocuments) as caught:
        parse_documents(text, "r.yaml")
    assert [(problem.line, problem.field) for problem in caught.value.problems] == [
        (4, "metadata.name"),
        (7, "spec.allow.logins[0]"),
        (8, "spec.allow.foo"),
        (9, "spec.options.bar"),
    ]
    assert str(caught.value.problems[2]) == "r.yaml:8: spec.allow.foo: there is no such field"


@pytest.mark.parametrize("name", sorted(BUILT_IN_ROLES))
def test_built_in_roles_can_not_be_declared(name: str) -> None:
    assert "built in" in problems({}, metadata={"name": name})[0].message


def test_deny_takes_the_wildcard_and_api_rules() -> None:
    body = {
        "deny": {"logins": ["*"], "kubernetes_groups": ["*"], "rules": [{"resources": ["user"], "verbs": ["delete"]}]},
        "allow": {"db_users": ["*"], "db_names": ["*"]},
    }
    loaded = parse_body({"kind": "role", "version": "v8", "metadata": {"name": "r"}, "spec": body}).value
    assert dump(loaded)["spec"] == body | {"allow": body["allow"]}


@settings(max_examples=100, deadline=None)
@given(st.one_of(policy.roles, policy.denying_roles))
def test_roles_survive_being_written(role: Role) -> None:
    assert load_body("role", dump(role)) == role
