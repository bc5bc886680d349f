"""Traits in roles: `{{external.team}}`, `{{internal.logins}}`, `email.local`, `regexp.replace`.

One template to an entry, with text before and after it; a trait with several values gives several entries. A broken
template is `Invalid` at load. A trait that is missing, empty or does not transform is said so by `Values`: the allow
side drops the entry, the deny side denies. The values are literals for whoever matches them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from doorward.base.errors import Invalid
from doorward.domain.access.text_functions import Replacement, email_local, parse_replacement
from doorward.domain.access.tokens import Token, TokenKind, tokens_of

TEMPLATE_BYTES_MAX: Final = 1024
CALLS_NESTED_MAX: Final = 4
VALUES_MAX: Final = 1000  # values of one trait that count; more are a broken sign-in, not a team

INTERNAL_TRAITS: Final = frozenset(
    {"db_names", "db_roles", "db_users", "kubernetes_groups", "kubernetes_users", "logins", "windows_logins"}
)
_SHAPE: Final = re.compile(r"([^{}]*)\{\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}\}([^{}]*)", re.DOTALL)

Traits = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class EmailLocal:
    """`email.local(...)`: what stands before the @."""


@dataclass(frozen=True, slots=True)
class Template:
    """One entry with one trait in it. `calls` apply from first to last."""

    text: str
    prefix: str
    trait: str
    calls: tuple[EmailLocal | Replacement, ...]
    suffix: str


@dataclass(frozen=True, slots=True)
class Values:
    """What a template gave: values of the trait (without prefix and suffix), or why there are none or not all."""

    values: tuple[str, ...]
    failure: str | None


def parse_template(text: str) -> Template | None:
    """The template in `text`, None when there is none, `Invalid` when it is broken."""
    if "{{" not in text and "}}" not in text:
        return None
    if len(text.encode("utf-8", "surrogatepass")) > TEMPLATE_BYTES_MAX:
        raise Invalid(f"reading a template: {TEMPLATE_BYTES_MAX} bytes are the most")
    shape = _SHAPE.fullmatch(text)
    if shape is None:
        raise Invalid("reading a template: write one {{...}} with plain text around it")
    prefix, body, suffix = shape.groups()
    tokens = tokens_of(body)
    trait, calls, used = _call(tokens, 0, 0)
    if tokens[used].kind is not TokenKind.END:
        raise Invalid("reading a template: something stands after the trait")
    return Template(text, prefix, trait, calls, suffix)


def trait_values(template: Template, traits: Traits) -> Values:
    """The trait's values after the template's calls."""
    found = traits.get(template.trait, ())
    if not found:
        return Values((), f"the trait {template.trait} is missing")
    if len(found) > VALUES_MAX:
        return Values((), f"the trait {template.trait} has more than {VALUES_MAX} values")
    values: list[str] = []
    failure: str | None = None
    for original in found:
        value: str | None = original
        for call in template.calls:
            if value is None:
                break
            if isinstance(call, EmailLocal):
                value = email_local(value)
                if value is None:
                    failure = f"a value of the trait {template.trait} is no e-mail address"
            else:
                value = call.apply(value)
        if value:
            values.append(value)
    if not values and failure is None:
        failure = f"no value of the trait {template.trait} is left after its calls"
    return Values(tuple(dict.fromkeys(values)), failure)


_Calls = tuple[EmailLocal | Replacement, ...]


def _call(tokens: tuple[Token, ...], at: int, depth: int) -> tuple[str, _Calls, int]:
    if depth > CALLS_NESTED_MAX:
        raise Invalid(f"reading a template: at most {CALLS_NESTED_MAX} calls inside one another")
    head = "".join(token.text for token in tokens[at : at + 3])
    if head in {"email.local", "regexp.replace"}:
        at = _mark(tokens, at + 3, "(")
        trait, calls, at = _call(tokens, at, depth + 1)
        if head == "email.local":
            return trait, (*calls, EmailLocal()), _mark(tokens, at, ")")
        pattern, at = _text(tokens, _mark(tokens, at, ","))
        replacement, at = _text(tokens, _mark(tokens, at, ","))
        return trait, (*calls, parse_replacement(pattern, replacement)), _mark(tokens, at, ")")
    return _trait(tokens, at)


def _trait(tokens: tuple[Token, ...], at: int) -> tuple[str, _Calls, int]:
    namespace = tokens[at]
    if namespace.kind is not TokenKind.NAME or namespace.text not in {"external", "internal"}:
        raise Invalid("reading a template: external.NAME or internal.NAME is expected")
    if tokens[at + 1].text == "[" and tokens[at + 1].kind is TokenKind.MARK:
        trait, at = _text(tokens, at + 2)
        at = _mark(tokens, at, "]")
    else:
        at = _mark(tokens, at + 1, ".")
        if tokens[at].kind is not TokenKind.NAME:
            raise Invalid("reading a template: the name of a trait is expected")
        trait, at = tokens[at].text, at + 1
    if not trait:
        raise Invalid("reading a template: the name of a trait is expected")
    if namespace.text == "internal" and trait not in INTERNAL_TRAITS:
        raise Invalid(f"reading a template: internal traits are {', '.join(sorted(INTERNAL_TRAITS))}")
    return trait, (), at


def _mark(tokens: tuple[Token, ...], at: int, mark: str) -> int:
    if at >= len(tokens) or tokens[at].kind is not TokenKind.MARK or tokens[at].text != mark:
        raise Invalid(f"reading a template: {mark} is expected")
    return at + 1


def _text(tokens: tuple[Token, ...], at: int) -> tuple[str, int]:
    if at >= len(tokens) or tokens[at].kind is not TokenKind.TEXT:
        raise Invalid("reading a template: a text in double quotes is expected")
    return tokens[at].text, at + 1
