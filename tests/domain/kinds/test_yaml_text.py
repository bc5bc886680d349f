"""The YAML that we read is small; hostile YAML is refused quickly and by name."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorward.domain.kinds.positioned import DEPTH_MAX, InvalidDocuments, Scalar, Sequence, Table, to_plain
from doorward.domain.kinds.yaml_text import TEXT_BYTES_MAX, parse_yaml


def plain(text: str) -> list[Any]:
    return [to_plain(node) for node in parse_yaml(text, "f.yaml")]


def refused(text: str) -> str:
    with pytest.raises(InvalidDocuments) as caught:
        parse_yaml(text, "f.yaml")
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].file == "f.yaml"
    return str(caught.value.problems[0])


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("7", 7),
        ("-7", -7),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("off", "off"),
        ("True", "True"),
        ("NULL", "NULL"),
        ("1:30", "1:30"),
        ("2026-01-01", "2026-01-01"),
        ("0o17", "0o17"),
        ("017", "017"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        ("1.5", "1.5"),
        ("1e3", "1e3"),
        (".inf", ".inf"),
        ("-0", "-0"),
        ("9999999999999999999999", "9999999999999999999999"),
        ('"true"', "true"),
        ("'7'", "7"),
        ('""', ""),
        ("|-\n  7", "7"),
        ("=", "="),
    ],
)
def test_only_plain_truths_and_integers_are_no_text(written: str, value: object) -> None:
    (found,) = plain(f"x: {written}\n")
    assert found == {"x": value}
    assert type(found["x"]) is type(value)


def test_positions_are_kept() -> None:
    (node,) = parse_yaml("a: 1\nb:\n  - x\n  - {c: y}\n", "f.yaml")
    assert isinstance(node, Table)
    (_, at, items) = node.entries[1]
    assert (at.file, at.line, at.column) == ("f.yaml", 2, 1)
    assert isinstance(items, Sequence)
    inner = items.items[1]
    assert isinstance(inner, Table)
    value = inner.entries[0][2]
    assert isinstance(value, Scalar)
    assert (value.at.line, value.at.column) == (4, 9)


def test_several_documents_and_empty_ones() -> None:
    assert plain("a: 1\n---\n---\nb: 2\n...\n# end\n") == [{"a": 1}, {"b": 2}]
    assert plain("") == []


def test_json_is_read_too() -> None:
    assert plain('{"a": [1, true, null, "x\\n\\u00e9"], "b": {}}') == [{"a": [1, True, None, "x\né"], "b": {}}]


BILLION_LAUGHS = "a: &a [x,x]\n" + "".join(
    f"{b}: &{b} [*{a},*{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BILLION_LAUGHS, "anchors"),
        ("a: &x 1\n", "anchors"),
        ("&x {a: 1}\n", "anchors"),
        ("a: *x\n", "anchors"),
        ("a: !!str x\n", "tags"),
        ("a: !!python/object/apply:os.system [id]\n", "tags"),
        ("a: !local x\n", "tags"),
        ("a: ! x\n", "tags"),
        ("!!map {a: 1}\n", "tags"),
        ("%YAML 1.1\n---\na: 1\n", "directives"),
        ("%TAG ! tag:x,2026:\n---\na: 1\n", "directives"),
        ("a: 1\na: 2\n", "twice"),
        ('a: 1\n"a": 2\n', "twice"),
        ("a: {b: 1, b: 1}\n", "twice"),
        ("<<: {a: 1}\n", "merge"),
        ("[a]: 1\n", "key"),
        ("{a: 1}: 1\n", "key"),
        ("? \n: 1\n", "key"),
        ("k" * 300 + ": 1\n", "key"),
        ("[" * (DEPTH_MAX + 2) + "]" * (DEPTH_MAX + 2), "levels"),
        ("[" * 100_000, "levels"),
        ("{a: " * 5_000, "levels"),
        ("- " * 10_000, "levels"),
        ("x" * (TEXT_BYTES_MAX + 1), "bytes"),
        ("[" + "x," * 250_000 + "]", "values"),
        ("a: [1\n", "not YAML"),
        ("a: b: c\n", "not YAML"),
        ("\tx: 1\n", "not YAML"),
        ("a: \x00\n", "not YAML"),
        ("a: \x1b[31m\n", "not YAML"),
        ("a: \ud800\n", "Unicode"),
    ],
    ids=range(31),
)
def test_hostile_yaml_is_refused(text: str, words: str) -> None:
    assert words in refused(text)


def test_a_problem_names_its_line() -> None:
    assert refused("a: 1\nb: 2\na: 3\n").startswith("f.yaml:3: ")
    assert refused("a: 1\nb: [1\n").startswith("f.yaml:")


json_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**17), 10**17),
        st.text(st.characters(codec="ascii", exclude_categories=["Cc"])),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.text(st.sampled_from("abc<:-"), min_size=1, max_size=5), inner, max_size=3),
    ),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from("abc"), json_values, min_size=1))
def test_json_text_means_the_same(value: dict[str, Any]) -> None:
    assert plain(json.dumps(value)) == [value]


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=80), st.text(alphabet="ab:-[]{}&*!|>'\"#%@,? \n\t", max_size=80)))
def test_noise_is_documents_or_invalid(text: str) -> None:
    try:
        parse_yaml(text, "f")
    except InvalidDocuments as refusal:
        found = refusal.problems
        assert found
