"""Label expressions bound to one person's traits, ready to be asked about many resources.

Binding turns the tree into closures once; what depends on traits alone is computed here. An expression that fails on a
value raises `EvaluationFailed` when asked, which its caller turns into a denial: on either side, a rule that can not be
evaluated shuts the door.
"""

from collections.abc import Callable, Mapping

from doorward.domain.access.expression import (
    REPORTED,
    Both,
    Change,
    Contains,
    Either,
    Equal,
    Expression,
    LabelOf,
    LabelsMatching,
    Literal,
    Not,
    RegexpMatch,
    Term,
    TraitOf,
)
from doorward.domain.access.templates import Traits
from doorward.domain.access.text_functions import email_local

Labels = Mapping[str, str]
BoundExpression = Callable[[Labels], bool]
_Text = Callable[[Labels], str]
_List = Callable[[Labels], tuple[str, ...]]


class EvaluationFailed(Exception):
    """An expression met a value that it can not work on; never leaves this package."""


def bind(expression: Expression, traits: Traits) -> BoundExpression:
    """A function from labels to yes or no; it raises `EvaluationFailed` and nothing else."""
    return _truth(expression.root, traits)


def missing_trait(expression: Expression, traits: Traits) -> str | None:
    """A trait that the expression reads and the person lacks, if any."""
    return next((name for name in sorted(expression.traits) if not traits.get(name)), None)


def _truth(node: Term, traits: Traits) -> BoundExpression:
    match node:
        case Equal():
            return _equal(node)
        case Contains():
            return _contains(node, traits)
        case RegexpMatch(of, pattern):
            values, matches = _list(of, traits), pattern.matches
            return lambda labels: any(matches(value) for value in values(labels))
        case Not(of):
            inner = _truth(of, traits)
            return lambda labels: not inner(labels)
        case Both(parts):
            return _joined(tuple(_truth(part, traits) for part in parts), stop_at=False)
        case Either(parts):
            return _joined(tuple(_truth(part, traits) for part in parts), stop_at=True)
        case _:
            raise AssertionError("the parser lets only truths stand here")


def _joined(parts: tuple[BoundExpression, ...], *, stop_at: bool) -> BoundExpression:
    def joined(labels: Labels) -> bool:
        for part in parts:
            if part(labels) is stop_at:
                return stop_at
        return not stop_at

    return joined


def _equal(node: Equal) -> BoundExpression:
    left, right, negated = node.left, node.right, node.negated
    if isinstance(left, Literal):
        left, right = right, left
    if isinstance(left, LabelOf) and isinstance(right, Literal):
        key, value = left.key, right.value
        if negated:
            return lambda labels: labels.get(key, "") != value
        return lambda labels: labels.get(key, "") == value
    one, other = _text(left), _text(right)
    return lambda labels: (one(labels) == other(labels)) is not negated


def _contains(node: Contains, traits: Traits) -> BoundExpression:
    values = _list(node.values, traits)
    if node.function == "contains":
        item = _text(node.items)
        return lambda labels: item(labels) in values(labels)
    items = _list(node.items, traits)
    if node.function == "contains_any":
        return lambda labels: not set(values(labels)).isdisjoint(items(labels))

    def contains_all(labels: Labels) -> bool:
        wanted = items(labels)  # nothing to look for is no match, as in Teleport
        return bool(wanted) and set(wanted) <= set(values(labels))

    return contains_all


def _text(node: Term) -> _Text:
    match node:
        case Literal(value):
            return lambda labels: value
        case LabelOf(key):
            return lambda labels: labels.get(key, "")
        case _:
            raise AssertionError("the parser lets only texts stand here")


def _list(node: Term, traits: Traits) -> _List:
    match node:
        case TraitOf(name):
            held = tuple(traits.get(name, ()))
            return lambda labels: held
        case LabelsMatching(pattern):
            matches = pattern.matches
            return lambda labels: tuple(
                value for key, value in labels.items() if matches(key) and not key.startswith(REPORTED)
            )
        case Change():
            return _changed(node, traits)
        case Literal() | LabelOf():
            text = _text(node)
            return lambda labels: (text(labels),)
        case _:
            raise AssertionError("the parser lets only texts and lists stand here")


def _changed(node: Change, traits: Traits) -> _List:
    values, change = _list(node.of, traits), _change(node)

    def changed(labels: Labels) -> tuple[str, ...]:
        results = (change(value) for value in values(labels))
        return tuple(result for result in results if result is not None)

    if _reads_labels(node):
        return changed
    try:
        fixed = changed({})
    except EvaluationFailed:
        return changed  # fails when asked, so that `a || b` still answers where a is true
    return lambda labels: fixed


def _reads_labels(node: Term) -> bool:
    if isinstance(node, Change):
        return _reads_labels(node.of)
    return isinstance(node, LabelOf | LabelsMatching)


def _change(node: Change) -> Callable[[str], str | None]:
    if node.replacement is not None:
        return node.replacement.apply
    if node.function == "email.local":
        return _local_part
    return str.upper if node.function == "strings.upper" else str.lower


def _local_part(value: str) -> str:
    local = email_local(value)
    if local is None:
        raise EvaluationFailed("a value is no e-mail address")
    return local
