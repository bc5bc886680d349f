"""Label expressions: Teleport's predicate language for `*_labels_expression`, read once at load.

    labels["env"] == "prod" && contains(user.spec.traits["teams"], labels.team)

The language is closed: `== != && || !`, labels, user.spec.traits, and the functions below. Types are checked here, so
that evaluation (`evaluation.py`) can fail only on values. Everything else is `Invalid`, naming the offset.
"""

from dataclasses import dataclass, field
from typing import Final

from doorward.base.errors import Invalid
from doorward.domain.access.patterns import Pattern, compile_pattern
from doorward.domain.access.text_functions import Replacement, parse_replacement
from doorward.domain.access.tokens import Token, TokenKind, tokens_of

EXPRESSION_BYTES_MAX: Final = 4096
EXPRESSION_DEPTH_MAX: Final = 32
REPORTED: Final = "reported/"  # labels that a node says of itself; they select nothing


@dataclass(frozen=True, slots=True)
class Literal:
    """A text."""

    value: str


@dataclass(frozen=True, slots=True)
class LabelOf:
    """`labels["k"]`: a text, empty when the resource has no such label."""

    key: str


@dataclass(frozen=True, slots=True)
class TraitOf:
    """`user.spec.traits["k"]`: a list."""

    name: str


@dataclass(frozen=True, slots=True)
class LabelsMatching:
    """`labels_matching("glob")`: the values of all labels whose key matches; a list."""

    pattern: Pattern = field(compare=False)
    text: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """`email.local`, `strings.upper`, `strings.lower` or `regexp.replace` of a list; a list."""

    function: str
    of: "Term"
    replacement: Replacement | None = None


@dataclass(frozen=True, slots=True)
class Equal:
    """`==`, or `!=` when negated, of two texts."""

    left: "Term"
    right: "Term"
    negated: bool


@dataclass(frozen=True, slots=True)
class Contains:
    """`contains`, `contains_any` or `contains_all`."""

    function: str
    values: "Term"
    items: "Term"


@dataclass(frozen=True, slots=True)
class RegexpMatch:
    """`regexp.match`: whether any value matches wholly."""

    of: "Term"
    pattern: Pattern = field(compare=False)
    text: str = ""


@dataclass(frozen=True, slots=True)
class Not:
    """`!`."""

    of: "Term"


@dataclass(frozen=True, slots=True)
class Both:
    """`&&` of two or more."""

    parts: "tuple[Term, ...]"


@dataclass(frozen=True, slots=True)
class Either:
    """`||` of two or more."""

    parts: "tuple[Term, ...]"


Term = Literal | LabelOf | TraitOf | LabelsMatching | Change | Equal | Contains | RegexpMatch | Not | Both | Either
TEXTS: Final = (Literal, LabelOf)
LISTS: Final = (TraitOf, LabelsMatching, Change)
TRUTHS: Final = (Equal, Contains, RegexpMatch, Not, Both, Either)


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression, its source, and the traits and labels that it reads; no `labels` when it may be any."""

    text: str
    root: Term
    traits: frozenset[str]
    labels: frozenset[str] | None


def parse_expression(text: str) -> Expression:
    """The expression in `text`; `Invalid` unless it is of the language and says yes or no."""
    if len(text.encode("utf-8", "surrogatepass")) > EXPRESSION_BYTES_MAX:
        raise Invalid(f"reading an expression: {EXPRESSION_BYTES_MAX} bytes are the most")
    reader = _Reader(tokens_of(text))
    root = reader.whole()
    return Expression(text, root, frozenset(reader.traits), None if reader.any_label else frozenset(reader.labels))


class _Reader:
    """Recursive descent; `depth` bounds it."""

    def __init__(self, tokens: tuple[Token, ...]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0
        self.traits: set[str] = set()
        self.labels: set[str] = set()
        self.any_label = False

    def whole(self) -> Term:
        root = self._truth(self._either())
        if self._tokens[self._at].kind is not TokenKind.END:
            raise self._wrong("nothing more is expected")
        return root

    def _either(self) -> Term:
        parts = [self._both()]
        while self._next_is("||"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Either(tuple(self._truth(part) for part in parts))

    def _both(self) -> Term:
        parts = [self._comparison()]
        while self._next_is("&&"):
            parts.append(self._comparison())
        return parts[0] if len(parts) == 1 else Both(tuple(self._truth(part) for part in parts))

    def _comparison(self) -> Term:
        left = self._single()
        for mark, negated in (("==", False), ("!=", True)):
            if self._next_is(mark):
                right = self._single()
                if not isinstance(left, TEXTS) or not isinstance(right, TEXTS):
                    raise self._wrong("only texts and labels can be compared; use contains() for lists")
                return Equal(left, right, negated)
        return left

    def _single(self) -> Term:
        self._depth += 1
        if self._depth > EXPRESSION_DEPTH_MAX:
            raise Invalid(f"reading an expression: at most {EXPRESSION_DEPTH_MAX} levels inside one another")
        token = self._take()
        node: Term
        if token.kind is TokenKind.TEXT:
            node = Literal(token.text)
        elif token.kind is TokenKind.MARK and token.text == "!":
            node = Not(self._truth(self._single()))
        elif token.kind is TokenKind.MARK and token.text == "(":
            node = self._either()
            self._expect(")")
        elif token.kind is TokenKind.NAME:
            node = self._named(token)
        else:
            self._at -= 1
            raise self._wrong("a label, a trait, a text or a function is expected")
        self._depth -= 1
        return node

    def _named(self, token: Token) -> Term:
        name = token.text
        if name == "labels":
            key = self._key("the key of a label is expected")
            if key.startswith(REPORTED):
                raise self._wrong("what nodes say of themselves selects nothing: another label is expected")
            self.labels.add(key)
            return LabelOf(key)
        if name in {"user", "email", "strings", "regexp"}:
            self._expect(".")
            name = f"{name}.{self._name()}"
        if name == "user.spec":
            self._expect(".")
            if self._name() != "traits":
                raise self._wrong("of a user only user.spec.traits can be read")
            trait = self._key("the name of a trait is expected")
            self.traits.add(trait)
            return TraitOf(trait)
        return self._call(name)

    def _call(self, name: str) -> Term:
        if name not in _FUNCTIONS:
            raise self._wrong(f"there is no function {name[:40]}")
        self._expect("(")
        arguments = [self._either()]
        while self._next_is(","):
            arguments.append(self._either())
        self._expect(")")
        if len(arguments) != _FUNCTIONS[name]:
            raise self._wrong(f"{name} takes {_FUNCTIONS[name]} arguments")
        if name == "labels_matching":
            text = self._literal(arguments[0])
            self.any_label = True
            return LabelsMatching(compile_pattern(text, deny=False), text)
        first = self._values(arguments[0])
        if name == "contains":
            if not isinstance(arguments[1], TEXTS):
                raise self._wrong("contains looks for one text; use contains_any or contains_all for lists")
            return Contains(name, first, arguments[1])
        if name in {"contains_any", "contains_all"}:
            return Contains(name, first, self._values(arguments[1]))
        if name == "regexp.match":
            text = self._literal(arguments[1])
            return RegexpMatch(first, compile_pattern(text, deny=False), text)
        if name == "regexp.replace":
            return Change(name, first, parse_replacement(self._literal(arguments[1]), self._literal(arguments[2])))
        return Change(name, first)

    def _key(self, expected: str) -> str:
        if self._next_is("."):
            return self._name()
        self._expect("[")
        token = self._take()
        if token.kind is not TokenKind.TEXT:
            self._at -= 1
            raise self._wrong(expected)
        self._expect("]")
        return token.text

    def _values(self, node: Term) -> Term:
        if not isinstance(node, TEXTS + LISTS):
            raise self._wrong("a text or a list is expected")
        return node

    def _truth(self, node: Term) -> Term:
        if not isinstance(node, TRUTHS):
            raise self._wrong("something that is true or false is expected")
        return node

    def _literal(self, node: Term) -> str:
        if not isinstance(node, Literal):
            raise self._wrong("a text in double quotes is expected")
        return node.value

    def _name(self) -> str:
        token = self._take()
        if token.kind is not TokenKind.NAME:
            self._at -= 1
            raise self._wrong("a name is expected")
        return token.text

    def _take(self) -> Token:
        token = self._tokens[self._at]
        self._at += token.kind is not TokenKind.END
        return token

    def _next_is(self, mark: str) -> bool:
        token = self._tokens[self._at]
        found = token.kind is TokenKind.MARK and token.text == mark
        self._at += found
        return found

    def _expect(self, mark: str) -> None:
        if not self._next_is(mark):
            raise self._wrong(f"{mark} is expected")

    def _wrong(self, expected: str) -> Invalid:
        return Invalid(f"reading an expression: {expected} at offset {self._tokens[self._at].offset}")


_FUNCTIONS: Final = {
    "contains": 2,
    "contains_any": 2,
    "contains_all": 2,
    "labels_matching": 1,
    "regexp.match": 2,
    "regexp.replace": 3,
    "email.local": 1,
    "strings.upper": 1,
    "strings.lower": 1,
}
