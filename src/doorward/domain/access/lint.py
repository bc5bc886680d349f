"""What is correct in a role and still surprises people.

Warnings refuse nothing; they are shown when a role is saved and by `dw policy test`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from doorward.domain.access.expression import (
    Both,
    Change,
    Contains,
    Either,
    Expression,
    Not,
    RegexpMatch,
    Term,
    TraitOf,
)
from doorward.domain.access.labels import WILDCARD
from doorward.domain.access.patterns import is_regexp
from doorward.domain.access.resource_kinds import RESOURCE_KINDS, ResourceKind
from doorward.domain.access.role import Condition, Entry, Role


@dataclass(frozen=True, slots=True)
class Surprise:
    """One surprise: the field it is in, and what it really means."""

    field: str
    message: str


def lint(role: Role) -> tuple[Surprise, ...]:
    """The surprises in a role, in the order of its fields."""
    found: list[Surprise] = []
    for side, condition in (("allow", role.allow), ("deny", role.deny)):
        for kind in RESOURCE_KINDS.values():
            found.extend(_labels(side, condition, kind))
            found.extend(_accounts(side, condition, kind))
    for kind in RESOURCE_KINDS.values():
        found.extend(_allow(role.allow, kind))
        found.extend(_deny(role.deny, kind))
    return tuple(found)


def _labels(side: str, condition: Condition, kind: ResourceKind) -> Iterator[Surprise]:
    rule = condition.labels.get(kind.name)
    if rule is None or rule.selector is None:
        return
    field = f"{side}.{kind.labels_field}"
    if not rule.selector:
        yield Surprise(field, "an empty map matches nothing")
    for key, entries in rule.selector.items():
        if WILDCARD in key and key != WILDCARD:
            yield Surprise(f"{field}.{key}", "keys are literal: * in a key is only a character")
        if not entries:
            yield Surprise(f"{field}.{key}", "an empty list matches nothing, and so the whole map does")
        for entry in entries:
            message = _half_regexp(entry)
            if message is not None:
                yield Surprise(f"{field}.{key}", message)


def _half_regexp(entry: Entry) -> str | None:
    text = entry.text
    if is_regexp(text):
        return None
    if text.startswith("^") or text.endswith("$"):
        return f"{text!r} is no regular expression without both ^ and $; it matches literally"
    if ".*" in text or ".+" in text:
        return f"{text!r} is a glob, in which only * is special; write ^{text}$ for a regular expression"
    return None


def _accounts(side: str, condition: Condition, kind: ResourceKind) -> Iterator[Surprise]:
    for dimension in kind.dimensions:
        for entry in condition.matchers.get(dimension.name, ()):
            if WILDCARD in entry.text and entry.text != WILDCARD and entry.template is None:
                yield Surprise(
                    f"{side}.{dimension.role_field}", f"{entry.text!r} matches literally; only * alone is a wildcard"
                )


def _allow(allow: Condition, kind: ResourceKind) -> Iterator[Surprise]:
    rule = allow.labels.get(kind.name)
    needed = [dimension for dimension in kind.dimensions if dimension.name in kind.needed]
    lacking = [dimension.role_field for dimension in needed if not allow.matchers.get(dimension.name)]
    if rule is not None and lacking:
        yield Surprise(f"allow.{kind.labels_field}", f"gives nothing without {' and '.join(lacking)} in the same role")
    if rule is None and len(lacking) < len(needed):
        yield Surprise(f"allow.{needed[0].role_field}", f"gives nothing without {kind.labels_field} in the same role")
    if rule is None:
        return
    if rule.selector is not None and not rule.selector and rule.expression is not None:
        yield Surprise(f"allow.{kind.labels_field}", "labels and expression must both match, and {} matches nothing")
    if rule.expression is not None and _negates_trait(rule.expression.root, negated=False):
        yield Surprise(
            f"allow.{kind.expression_field}",
            "a negated trait allows people whose trait is missing; name who may instead",
        )


def _deny(deny: Condition, kind: ResourceKind) -> Iterator[Surprise]:
    rule = deny.labels.get(kind.name)
    if rule is None:
        yield from _deny_accounts(deny, kind)
        return
    field = f"deny.{kind.labels_field}"
    named = [dimension.role_field for dimension in kind.dimensions if deny.matchers.get(dimension.name)]
    if named:
        yield Surprise(
            field, f"denies for every account, and {' and '.join(named)} on every resource: not both together"
        )
    if rule.selector is not None and len(rule.selector) > 1:
        yield Surprise(field, "all keys of one map must match; for either of them write two roles")
    if rule.selector is not None and any(_has_template(entries) for entries in rule.selector.values()):
        yield Surprise(field, "denies everything of this kind to people who lack the trait")
    if _reads_traits(rule.expression):
        yield Surprise(f"deny.{kind.expression_field}", "denies everything of this kind to people who lack the trait")
    yield from _deny_accounts(deny, kind)


def _deny_accounts(deny: Condition, kind: ResourceKind) -> Iterator[Surprise]:
    for dimension in kind.dimensions:
        if _has_template(deny.matchers.get(dimension.name, ())):
            yield Surprise(f"deny.{dimension.role_field}", "denies every account to people who lack the trait")


def _has_template(entries: tuple[Entry, ...]) -> bool:
    return any(entry.template is not None for entry in entries)


def _reads_traits(expression: Expression | None) -> bool:
    return expression is not None and bool(expression.traits)


def _negates_trait(node: Term, *, negated: bool) -> bool:
    match node:
        case Not(of):
            return _negates_trait(of, negated=not negated)
        case Both(parts) | Either(parts):
            return any(_negates_trait(part, negated=negated) for part in parts)
        case Contains():
            return negated and (_has_trait(node.values) or _has_trait(node.items))
        case RegexpMatch(of):
            return negated and _has_trait(of)
        case _:
            return False


def _has_trait(node: Term) -> bool:
    return isinstance(node, TraitOf) or (isinstance(node, Change) and _has_trait(node.of))
