"""Which objects inside a Kubernetes cluster a role's rules let through.

A rule lists kind, namespace, name and verbs, with the patterns of label values. Two rules of Teleport's hold beside
plain matching: whoever may use a namespace may use what is in it, with the same verbs; and whoever may use something in
a namespace may see that namespace.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from doorward.domain.access.patterns import compile_pattern

ANY: Final = "*"
NAMESPACE: Final = "namespace"
_SEEING: Final = frozenset({"get", "list", "watch"})


@dataclass(frozen=True, slots=True)
class KubeResourceRule:
    """One rule; `namespace` is empty for objects of the whole cluster."""

    kind: str
    name: str
    namespace: str
    verbs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KubeObject:
    """What is asked for; without a verb nothing is."""

    kind: str
    name: str
    namespace: str
    verb: str


def kube_object_allowed(rules: Iterable[KubeResourceRule], wanted: KubeObject) -> bool:
    """Whether any rule lets `wanted` through."""
    return any(_lets_through(rule, wanted) for rule in rules)


def _lets_through(rule: KubeResourceRule, wanted: KubeObject) -> bool:
    if not wanted.verb or (wanted.verb not in rule.verbs and ANY not in rule.verbs):
        return False
    if rule.kind == NAMESPACE and wanted.namespace:
        return _matches(rule.name, wanted.namespace)
    if wanted.kind == NAMESPACE and rule.kind != NAMESPACE and rule.namespace and wanted.verb in _SEEING:
        return _matches(rule.namespace, wanted.name)
    if rule.kind not in (ANY, wanted.kind):
        return False
    return _matches(rule.name, wanted.name) and _matches(rule.namespace, wanted.namespace)


def _matches(pattern: str, value: str) -> bool:
    return compile_pattern(pattern, deny=False).matches(value)
