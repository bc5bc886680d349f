"""Which names are nodes' names behind a gateway."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.domain.certificates.face_names import node_in_face
from doorward.domain.certificates.principals import checked_host_name


@pytest.mark.parametrize("node", ["a", "0", "prod-web-01", "a" * 63])
def test_one_label_before_the_suffix_is_a_node(node: str) -> None:
    assert node_in_face(f"{node}.dw", "dw") == node


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "dw",
        ".dw",
        "a.",
        "a",
        "a.b.dw",
        "a.dw.",
        "a.dw\n",
        "A.dw",
        "-a.dw",
        "a-.dw",
        "a_b.dw",
        "a" * 64 + ".dw",
    ],
)
def test_anything_else_is_none(name: str) -> None:
    assert node_in_face(name, "dw") is None


@given(name=st.text(max_size=70), suffix=st.sampled_from(["dw", "corp", ""]))
def test_a_node_that_is_found_makes_the_name_again_and_the_name_is_a_host_name(name: str, suffix: str) -> None:
    node = node_in_face(name, suffix)
    if node is not None and suffix:
        assert f"{node}.{suffix}" == name
        assert checked_host_name(name) == name


@given(text=st.text(max_size=80))
def test_an_empty_suffix_or_another_one_finds_none(text: str) -> None:
    assert node_in_face(text + ".other", "dw") is None
