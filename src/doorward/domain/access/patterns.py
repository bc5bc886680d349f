r"""Values in selectors: literals, globs in which only `*` is special, and regular expressions written `^...$`.

A pattern always matches the whole text. Regular expressions run on google-re2, in time linear in the text. Ungrouped
alternation (`^a|b$`) is refused, since each branch would lose an anchor. What a person's trait contributes is quoted,
so that it matches literally. Where `*` or `.` could meet a line break, the allow side says no and the deny side yes.
"""

from functools import lru_cache
from typing import Any, Final

import re2

from doorward.base.errors import Invalid

PATTERN_BYTES_MAX: Final = 1024
_REGEXP_MEMORY_BYTES_MAX: Final = 1 << 20
_VERDICTS_KEPT_MAX: Final = 4096  # per pattern: a fleet's distinct values of one label are few
_PATTERNS_KEPT_MAX: Final = 4096
_SAMPLE: Final = "sample"  # stands in for a trait's value when a template is checked at load


class Pattern:
    """A compiled pattern; remembers its latest verdicts, because a label has few distinct values."""

    __slots__ = ("_regexp", "_verdicts", "exact", "on_odd_text")

    def __init__(self, *, exact: str | None, regexp: Any, on_odd_text: bool) -> None:
        self.exact = exact
        self.on_odd_text = on_odd_text
        self._regexp = regexp
        self._verdicts: dict[str, bool] = {}

    def matches(self, value: str) -> bool:
        """Whether the whole of `value` matches. Text that is not Unicode gets the stricter answer of the side."""
        if self.exact is not None:
            return value == self.exact
        verdict = self._verdicts.get(value)
        if verdict is None:
            try:
                verdict = self._regexp.fullmatch(value) is not None
            except UnicodeEncodeError:
                return self.on_odd_text
            if len(self._verdicts) >= _VERDICTS_KEPT_MAX:
                self._verdicts.clear()
            self._verdicts[value] = verdict
        return verdict


def is_regexp(text: str) -> bool:
    """Whether `text` is written as a regular expression, `^...$`."""
    return len(text) >= 2 and text.startswith("^") and text.endswith("$")


def check_pattern(text: str) -> None:
    """Raise `Invalid` unless `text` can be used as a pattern."""
    compile_pattern(text, deny=False)


def check_pattern_around(prefix: str, suffix: str) -> None:
    """Raise `Invalid` unless a literal can stand between `prefix` and `suffix`."""
    compile_pattern_around(prefix, _SAMPLE, suffix, deny=False)


@lru_cache(maxsize=_PATTERNS_KEPT_MAX)
def compile_pattern(text: str, *, deny: bool) -> Pattern:
    """The pattern of `text` for one side; `Invalid` when it is broken or too long."""
    _check_length(text)
    if is_regexp(text):
        _check_structure(text)
        return Pattern(exact=None, regexp=_compile(text, deny=deny), on_odd_text=deny)
    if "*" not in text:
        return Pattern(exact=text, regexp=None, on_odd_text=deny)
    return Pattern(exact=None, regexp=_compile(_glob_source(text), deny=deny), on_odd_text=deny)


@lru_cache(maxsize=_PATTERNS_KEPT_MAX)
def compile_pattern_around(prefix: str, literal: str, suffix: str, *, deny: bool) -> Pattern:
    """The pattern `prefix`, then exactly `literal`, then `suffix`; whatever the literal holds, it is only text."""
    _check_length(prefix + suffix)
    if is_regexp(prefix + suffix) and prefix and suffix:
        if _ends_inside_something(prefix):
            raise Invalid("reading a pattern: a template can not stand inside a class or after a backslash")
        # The group keeps the literal one unit whatever stands before it, such as `\p` or `(?`.
        source = f"{prefix}(?:{re2.escape(literal)}){suffix}"
        _check_structure(source)
        return Pattern(exact=None, regexp=_compile(source, deny=deny), on_odd_text=deny)
    if "*" not in prefix + suffix:
        return Pattern(exact=prefix + literal + suffix, regexp=None, on_odd_text=deny)
    source = _glob_source(prefix) + re2.escape(literal) + _glob_source(suffix)
    return Pattern(exact=None, regexp=_compile(source, deny=deny), on_odd_text=deny)


def regexp_of(text: str) -> Any:
    """A google-re2 object for `text` as a pattern, for whoever needs its groups; match it wholly."""
    _check_length(text)
    if is_regexp(text):
        _check_structure(text)
        return _compile(text, deny=False)
    return _compile(_glob_source(text), deny=False)


def _compile(source: str, *, deny: bool) -> Any:
    """A google-re2 object; `Invalid` when `source` is no regular expression or needs too much memory."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _REGEXP_MEMORY_BYTES_MAX
    options.dot_nl = deny
    try:
        return re2.compile(source, options)
    except (re2.error, UnicodeEncodeError) as problem:
        raise Invalid(
            "reading a pattern: this is not a regular expression that can be run in bounded time"
        ) from problem


def _check_length(text: str) -> None:
    if len(text.encode("utf-8", "surrogatepass")) > PATTERN_BYTES_MAX:
        raise Invalid(f"reading a pattern: {PATTERN_BYTES_MAX} bytes are the most")


def _glob_source(text: str) -> str:
    """`text`, in which only `*` is special, as the source of a regular expression without anchors."""
    return ".*".join(re2.escape(piece) for piece in text.split("*"))


def _check_structure(source: str) -> None:
    if "\\Q" in source:
        raise Invalid("reading a pattern: \\Q...\\E is not supported; escape the characters one by one")
    depth = 0
    for character, in_class in _walk(source):
        if in_class:
            continue
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "|" and depth == 0:
            raise Invalid("reading a pattern: alternation needs a group, write ^(a|b)$ and not ^a|b$")


def _walk(source: str) -> list[tuple[str, bool]]:
    """Each unescaped character and whether it stands inside a class."""
    walked: list[tuple[str, bool]] = []
    in_class = False
    offset = 0
    while offset < len(source):
        character = source[offset]
        if character == "\\":
            offset += 2
            continue
        walked.append((character, in_class))
        if not in_class and character == "[":
            in_class = True
            # A `]` right after `[` or `[^` is a member of the class, not its end.
            offset += 1 if source[offset + 1 : offset + 2] == "^" else 0
            offset += 1 if source[offset + 1 : offset + 2] == "]" else 0
        elif in_class and source.startswith("[:", offset) and ":]" in source[offset:]:
            offset = source.index(":]", offset) + 1
        elif in_class and character == "]":
            in_class = False
        offset += 1
    return walked


def _ends_inside_something(prefix: str) -> bool:
    backslashes = len(prefix) - len(prefix.rstrip("\\"))
    if backslashes % 2:
        return True
    in_class = False
    for character, inside in _walk(prefix):
        in_class = (inside and character != "]") or (not inside and character == "[")
    return in_class
