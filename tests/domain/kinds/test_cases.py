"""Files of decision cases: people's own policy is tested like ours."""

import pytest
from tests.support.policy import wide

from doorward.domain.kinds.cases import run_cases
from doorward.domain.kinds.positioned import InvalidDocuments

FILE = """
resources:
  web: {kind: node, labels: {env: prod}}
cases:
  - id: one
    title: operators reach production
    roles:
      - name: operator
        allow: {logins: [root], node_labels: {env: prod}}
    checks:
      - {resource: web, login: root, expect: allow}
      - {resource: web, login: deploy, expect: deny}
      - {resource_labels: {env: dev}, kind: node, login: root, expect: deny}
      - {resource: web, expect_logins: [root]}
"""


def test_a_file_of_ones_own_passes() -> None:
    report = run_cases(FILE, "mine.yaml")
    assert report.passed
    assert report.lines() == ("1 of 1 cases passed",)


def test_a_mismatch_names_case_question_and_reason() -> None:
    report = run_cases(FILE.replace("login: deploy, expect: deny", "login: deploy, expect: allow"), "mine.yaml")
    assert not report.passed
    line, count = report.lines()
    assert line.startswith("one: node web login=deploy: expected allow, got deny")
    assert "operator: allow.logins does not match" in line
    assert count == "0 of 1 cases passed"


def test_wrong_logins_are_a_mismatch() -> None:
    line, _ = run_cases(FILE.replace("expect_logins: [root]", "expect_logins: [root, deploy]"), "m").lines()
    assert "expected logins deploy, root, got root" in line


def test_a_demand_that_is_not_met_counts_as_deny_and_says_so() -> None:
    asking = FILE.replace(
        "node_labels: {env: prod}}", "node_labels: {env: prod}}\n        options: {require_session_mfa: webauthn}"
    )
    assert "not met: webauthn" in run_cases(asking, "m").lines()[0]
    for verified, passed in (("true", True), ("webauthn", True), ("totp", False), ("false", False)):
        text = asking.replace("    checks:", f"    context: {{mfa_verified: {verified}}}\n    checks:")
        assert run_cases(text, "m").passed is passed


def test_roles_given_beside_and_built_in_ones_can_be_named() -> None:
    check = "{resource_labels: {}, kind: node, login: root, expect: allow}"
    text = f"cases: [{{id: a, roles: [wide, admin], checks: [{check}]}}]"
    assert run_cases(text, "m", [wide()]).passed
    with pytest.raises(InvalidDocuments, match="no role of this name"):
        run_cases(text, "m")


def test_a_role_that_is_refused_fails_its_case_unless_that_was_expected() -> None:
    check = "{resource_labels: {}, kind: node, login: root, expect: deny}"
    text = f"cases: [{{id: a, roles: [{{name: r, allow: {{logins: ['*']}}}}], checks: [{check}]}}]"
    assert "allow.logins[0]" in run_cases(text, "m").lines()[0]
    assert run_cases(text.replace("id: a,", "id: a, doorward_expect: load_error,"), "m").passed


def test_a_role_that_loads_although_an_error_was_expected_fails() -> None:
    text = "cases: [{id: a, doorward_expect: load_error, roles: [{name: r}], checks: []}]"
    assert not run_cases(text, "m").passed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "a: 1\n---\nb: 2",
        "kases: []",
        "cases: [{roles: []}]",
        "cases: [{id: a, checks: [{resource: gone, login: root, expect: deny}]}]",
        "cases: [{id: a, checks: [{login: root, expect: deny}]}]",
        "cases: [{id: a, checks: [{resource_labels: {}, kind: node, login: root}]}]",
        "cases: [{id: a, checks: [{resource_labels: {}, kind: node, login: root, expect: maybe}]}]",
        "cases: [{id: a, checks: [{resource_labels: {}, kind: ship, login: root, expect: deny}]}]",
        "cases: [{id: a, context: {mfa: true}, checks: []}]",
        "cases: [{id: a, context: {mfa_verified: perhaps}, checks: []}]",
        "label_expression_matrix: {rows: [{allow_labels: sometimes}]}",
        "kubernetes_resource_rules: [{id: a, expect: deny}]",
        "kubernetes_resource_rules: [{id: a, expect: deny, request: {}, rules: [{name: '^($'}]}]",
    ],
)
def test_a_file_of_another_shape_is_refused(text: str) -> None:
    with pytest.raises(InvalidDocuments):
        run_cases(text, "m")


def test_a_file_without_cases_does_not_pass() -> None:
    assert not run_cases("cases: []", "m").passed


def test_matrix_and_cluster_rules_can_fail() -> None:
    row = "{allow_labels: match, allow_expr: unset, deny_labels: unset, deny_expr: unset, expect: EXPECT}"
    for expect, passed in (("allow", True), ("deny", False)):
        assert (
            run_cases("label_expression_matrix: {rows: [" + row.replace("EXPECT", expect) + "]}", "m").passed is passed
        )
        rule = "{kind: pod, name: x, verbs: [get], namespace: d}"
        kube = f"kubernetes_resource_rules: [{{id: a, request: {rule}, rules: [{rule}], expect: {expect}}}]"
        assert run_cases(kube, "m").passed is passed


@pytest.mark.parametrize("verbs", ["[]", "[get, list]"])
def test_a_question_about_no_verb_or_several_is_denied(verbs: str) -> None:
    rule = "{kind: pod, name: x, verbs: ['*'], namespace: d}"
    request = f"{{kind: pod, name: x, verbs: {verbs}, namespace: d}}"
    text = f"kubernetes_resource_rules: [{{id: a, request: {request}, rules: [{rule}], expect: deny}}]"
    assert run_cases(text, "m").passed
