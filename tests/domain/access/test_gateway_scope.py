"""Which nodes a gateway may open sessions on."""

import pytest

from doorward.base.errors import Invalid
from doorward.domain.access.gateway_scope import EVERY_NODE, KEYS_MAX, VALUES_MAX, Scope, checked_scope, in_scope


@pytest.mark.parametrize(
    ("scope", "labels", "expected"),
    [
        (EVERY_NODE, {}, True),
        (EVERY_NODE, {"criticality": "critical"}, True),
        ({}, {}, True),
        ({}, {"criticality": "high"}, True),
        ({}, {"criticality": "critical"}, False),
        ({"env": ("prod",)}, {"env": "prod", "criticality": "critical"}, True),
        ({"env": ("prod", "dev")}, {"env": "dev"}, True),
        ({"env": ("prod",)}, {"env": "dev"}, False),
        ({"env": ("prod",)}, {}, False),
        ({"env": ("*",)}, {"env": ""}, True),
        ({"env": ("*",)}, {"team": "web"}, False),
        ({"env": ("prod",), "team": ("web",)}, {"env": "prod"}, False),
        ({"env": ("p*",)}, {"env": "prod"}, False),  # literally: a scope is no place for patterns
        ({"env": ("prod",)}, {"env": "prod\n"}, False),
    ],
)
def test_every_key_must_be_there_with_one_of_its_values(scope: Scope, labels: dict[str, str], expected: bool) -> None:
    assert in_scope(scope, labels) is expected


@pytest.mark.parametrize(
    "scope",
    [
        {"*": ("prod",)},
        {"*": ("*",), "env": ("prod",)},
        {"env": ()},
        {"": ("prod",)},
        {"env": ("pr\x1bod",)},
        {f"k{number}": ("v",) for number in range(KEYS_MAX + 1)},
        {"env": tuple(str(number) for number in range(VALUES_MAX + 1))},
    ],
)
def test_scope_that_says_something_else_than_it_seems_is_refused(scope: Scope) -> None:
    with pytest.raises(Invalid):
        checked_scope(scope)


def test_scope_is_kept_as_it_was_given() -> None:
    assert checked_scope({"env": ["prod", "prod", "dev"], "team": [""]}) == {"env": ("prod", "dev"), "team": ("",)}
    assert in_scope(checked_scope({"*": ["*"]}), {})
