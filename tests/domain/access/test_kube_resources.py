"""Rules about objects inside a Kubernetes cluster."""

import pytest

from doorward.domain.access.kube_resources import KubeObject, KubeResourceRule, kube_object_allowed


def allowed(rule: KubeResourceRule, kind: str, name: str, namespace: str, verb: str) -> bool:
    return kube_object_allowed((rule,), KubeObject(kind, name, namespace, verb))


PODS = KubeResourceRule("pod", "web-*", "shop", ("get", "list"))


@pytest.mark.parametrize(
    ("kind", "name", "namespace", "verb", "expected"),
    [
        ("pod", "web-1", "shop", "get", True),
        ("pod", "db-1", "shop", "get", False),
        ("pod", "web-1", "other", "get", False),
        ("pod", "web-1", "shop", "delete", False),
        ("secret", "web-1", "shop", "get", False),
        ("namespace", "shop", "", "get", True),
        ("namespace", "shop", "", "delete", False),
        ("namespace", "other", "", "get", False),
    ],
)
def test_a_rule_about_pods(kind: str, name: str, namespace: str, verb: str, expected: bool) -> None:
    assert allowed(PODS, kind, name, namespace, verb) is expected


def test_seeing_a_namespace_is_not_changing_it() -> None:
    rule = KubeResourceRule("pod", "*", "shop", ("*",))
    assert allowed(rule, "namespace", "shop", "", "watch")
    assert not allowed(rule, "namespace", "shop", "", "delete")


def test_a_namespace_covers_what_is_in_it_with_its_verbs() -> None:
    rule = KubeResourceRule("namespace", "shop", "", ("get",))
    assert allowed(rule, "secret", "any", "shop", "get")
    assert not allowed(rule, "secret", "any", "shop", "delete")
    assert not allowed(rule, "secret", "any", "other", "get")


def test_no_rules_let_nothing_through() -> None:
    assert not kube_object_allowed((), KubeObject("pod", "x", "y", "get"))
