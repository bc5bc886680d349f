"""Surprises are pointed out where they are."""

from typing import Any

import pytest
from tests.support.policy import EVERYTHING, role, wide

from doorward.domain.access.lint import lint
from doorward.domain.kinds.registry import parse_documents


@pytest.mark.parametrize(
    ("side", "body", "field", "words"),
    [
        ("deny", {"logins": ["root"], "node_labels": {"env": "prod"}}, "deny.node_labels", "not both together"),
        ("deny", {"node_labels": {"env": "prod", "region": "eu"}}, "deny.node_labels", "all keys"),
        ("deny", {"node_labels": {"env": "{{external.x}}"}}, "deny.node_labels", "lack the trait"),
        ("deny", {"logins": ["{{external.x}}"]}, "deny.logins", "lack the trait"),
        (
            "deny",
            {"node_labels_expression": 'contains(user.spec.traits["x"], "y")'},
            "deny.node_labels_expression",
            "lack the trait",
        ),
        ("allow", {"logins": ["root"], "node_labels": {}}, "allow.node_labels", "matches nothing"),
        ("allow", {"logins": ["root"], "node_labels": {"env": []}}, "allow.node_labels.env", "matches nothing"),
        ("allow", {"logins": ["root"], "node_labels": {"en*": ["x"]}}, "allow.node_labels.en*", "literal"),
        ("allow", {"logins": ["root"], "node_labels": {"env": "^prod"}}, "allow.node_labels.env", "literally"),
        ("allow", {"logins": ["root"], "node_labels": {"env": "prod.*"}}, "allow.node_labels.env", "glob"),
        ("allow", {"node_labels": EVERYTHING}, "allow.node_labels", "gives nothing without logins"),
        ("allow", {"logins": ["root"]}, "allow.logins", "gives nothing without node_labels"),
        ("allow", {"db_labels": EVERYTHING, "db_users": ["dev*"], "db_names": ["x"]}, "allow.db_users", "literally"),
        (
            "allow",
            {"logins": ["root"], "node_labels_expression": '!contains(user.spec.traits["teams"], "temp")'},
            "allow.node_labels_expression",
            "missing",
        ),
    ],
)
def test_surprise_is_pointed_out(side: str, body: dict[str, Any], field: str, words: str) -> None:
    found = lint(role("r", **{side: body}))
    assert any(surprise.field == field and words in surprise.message for surprise in found), found


def test_a_plain_role_surprises_nobody() -> None:
    assert lint(wide()) == ()
    assert lint(role("d", deny={"node_labels": {"env": "prod"}})) == ()
    expression = 'contains(user.spec.traits["teams"], labels.team) && !(labels.env == "prod")'
    assert lint(role("e", {"logins": ["root"], "node_labels_expression": expression})) == ()


def test_linting_never_refuses_what_loads() -> None:
    text = "{kind: role, version: v5, metadata: {name: x}, spec: {}}"
    assert lint(parse_documents(text, "f")[0].value) == ()
