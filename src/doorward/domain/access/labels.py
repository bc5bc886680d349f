"""Labels of a resource against the labels and expression of one role, bound to one person.

An empty selector matches nothing; `{"*": "*"}` matches everything; otherwise every key must be on the resource and its
value be one of those listed. Allow needs labels and expression when both are set; for deny either is enough. What can
not be resolved or evaluated is BROKEN: the caller denies.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from doorward.domain.access.evaluation import BoundExpression, EvaluationFailed, bind, missing_trait
from doorward.domain.access.expression import Expression
from doorward.domain.access.patterns import Pattern, compile_pattern, compile_pattern_around
from doorward.domain.access.role import Entry, LabelRule
from doorward.domain.access.templates import Traits, trait_values
from doorward.domain.access.verdict import Outcome, Step

WILDCARD: Final = "*"

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Key:
    """One key of a selector: any value, one of `exact`, or one that a pattern matches."""

    key: str
    any_value: bool
    exact: frozenset[str]
    patterns: tuple[Pattern, ...]
    missed: Step


class Selector:
    """A label map bound to a person's traits."""

    __slots__ = ("_keys", "_nothing", "broken")

    def __init__(self, source: str, rule: str, selector: Mapping[str, tuple[Entry, ...]], traits: Traits, deny: bool):
        self.broken: Step | None = None
        self._nothing = Step(source, rule, "an empty selector", Outcome.MISSED) if not selector else None
        keys: list[_Key] = []
        if not matches_everything(selector):
            for key, entries in selector.items():
                keys.append(self._bound(Step(source, rule, key, Outcome.MISSED), entries, traits, deny))
        self._keys = tuple((key.key, key.any_value, key.exact, key.patterns, key.missed) for key in keys)

    def _bound(self, missed: Step, entries: tuple[Entry, ...], traits: Traits, deny: bool) -> _Key:
        patterns: list[Pattern] = []
        failure = None
        for entry in entries:
            if entry.template is None:
                patterns.append(compile_pattern(entry.text, deny=deny))
                continue
            found = trait_values(entry.template, traits)
            failure = found.failure or failure
            prefix, suffix = entry.template.prefix, entry.template.suffix
            patterns.extend(compile_pattern_around(prefix, value, suffix, deny=deny) for value in found.values)
        key = missed.value
        if failure is not None:
            missed = missed._replace(value=f"{key}: {failure}")
            if deny:
                self.broken = missed._replace(outcome=Outcome.BROKEN)
        return _Key(
            key,
            any(entry.template is None and entry.text == WILDCARD for entry in entries),
            frozenset(pattern.exact for pattern in patterns if pattern.exact is not None),
            tuple(pattern for pattern in patterns if pattern.exact is None),
            missed,
        )

    def missed(self, labels: Labels) -> Step | None:
        """The first key that does not match, None when the selector matches."""
        if self._nothing is not None:
            return self._nothing
        for key, any_value, exact, patterns, missed in self._keys:
            value = labels.get(key)
            if value is None:
                return missed
            if any_value or value in exact:
                continue
            for pattern in patterns:
                if pattern.matches(value):
                    break
            else:
                return missed
        return None


class _Bound:
    """What both sides share: the selector, the expression and their steps."""

    __slots__ = ("_expression", "_expression_broken", "_matched", "_selector")

    def __init__(self, source: str, side: str, field: str, rule: LabelRule, traits: Traits):
        name, deny = f"{side}.{field}", side == "deny"
        self._selector = None if rule.selector is None else Selector(source, name, rule.selector, traits, deny)
        self._expression: BoundExpression | None = _bound_expression(rule.expression, traits)
        self._expression_broken = Step(
            source, f"{name}_expression", "the expression can not be evaluated", Outcome.BROKEN
        )
        self._matched = Step(source, name, ", ".join(rule.selector or ()), Outcome.MATCHED)


class AllowLabels(_Bound):
    """The allow side of one role for one kind: labels and expression must match when both are set."""

    __slots__ = ("_expression_missed",)

    def __init__(self, source: str, field: str, rule: LabelRule, traits: Traits):
        super().__init__(source, "allow", field, rule, traits)
        self._expression_missed = Step(source, f"allow.{field}_expression", "", Outcome.MISSED)

    def check(self, labels: Labels) -> Step:
        """The step that settles it."""
        if self._selector is not None:
            missed = self._selector.missed(labels)
            if missed is not None:
                return missed
        if self._expression is not None:
            try:
                if not self._expression(labels):
                    return self._expression_missed
            except EvaluationFailed:
                return self._expression_broken
        return self._matched


class DenyLabels(_Bound):
    """The deny side of one role for one kind: labels or expression is enough, and so is a rule that is broken."""

    __slots__ = ("_always", "_expression_matched")

    def __init__(self, source: str, field: str, rule: LabelRule, traits: Traits):
        super().__init__(source, "deny", field, rule, traits)
        self._expression_matched = Step(source, f"deny.{field}_expression", "", Outcome.MATCHED)
        self._always = None if self._selector is None else self._selector.broken
        trait = None if rule.expression is None else missing_trait(rule.expression, traits)
        if trait is not None:
            self._always = Step(source, f"deny.{field}_expression", f"the trait {trait} is missing", Outcome.BROKEN)

    def check(self, labels: Labels) -> Step | None:
        """The step that denies, if any does."""
        if self._always is not None:
            return self._always
        if self._selector is not None and self._selector.missed(labels) is None:
            return self._matched
        if self._expression is not None:
            try:
                if self._expression(labels):
                    return self._expression_matched
            except EvaluationFailed:
                return self._expression_broken
        return None


def matches_everything(selector: Mapping[str, tuple[Entry, ...]]) -> bool:
    """Whether the selector is `{"*": "*"}`, which the unlabelled match too."""
    entries = selector.get(WILDCARD, ())
    return len(selector) == 1 and [entry.text for entry in entries] == [WILDCARD]


def _bound_expression(expression: Expression | None, traits: Traits) -> BoundExpression | None:
    return None if expression is None else bind(expression, traits)
