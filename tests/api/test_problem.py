"""Errors become problem documents and come back as the same kind."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.api.problem import KINDS, TYPE_PREFIX, FieldProblem, Problem, RemoteProblem, kind_of, to_error
from doorward.base.errors import DoorwardError, Refused, Unavailable


class SelfReview(Refused):
    """A kind of its own, for these tests."""

    code = "self_review"


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_comes_back_as_itself(kind: str) -> None:
    document = Problem(TYPE_PREFIX + "x", "title", 400, kind, "x", "why", [FieldProblem("m", "f", 3, "a.b")])
    error = to_error(400, msgspec.json.encode(document))
    assert isinstance(error, KINDS[kind])
    assert kind_of(error) == kind
    assert error.message == "why"
    assert error.problem == document


def test_a_subclass_is_of_its_kind_and_the_root_counts_as_unavailable() -> None:
    assert kind_of(SelfReview("x")) == "refused"
    assert kind_of(DoorwardError("x")) == "unavailable"


def test_a_kind_that_is_not_known_counts_as_unavailable() -> None:
    document = Problem(TYPE_PREFIX + "x", "title", 418, "teapot", "x")
    error = to_error(418, msgspec.json.encode(document))
    assert isinstance(error, Unavailable)
    assert error.message == "title"


@given(body=st.binary(max_size=200))
def test_noise_counts_as_unavailable(body: bytes) -> None:
    error = to_error(502, body)
    assert isinstance(error, Unavailable)
    assert isinstance(error, RemoteProblem)
    assert error.problem.status == 502


def test_a_detail_beyond_its_limit_is_not_carried_on() -> None:
    document = Problem(TYPE_PREFIX + "x", "t", 400, "refused", "x", "y" * 8193)
    assert isinstance(to_error(400, msgspec.json.encode(document)), Unavailable)


@pytest.mark.parametrize("body", [b'{"type":"\xff"}', b"[" * 100_000, b'{"x":' + b"[" * 100_000])
def test_a_body_that_the_decoder_chokes_on_counts_as_unavailable(body: bytes) -> None:
    assert isinstance(to_error(500, body), Unavailable)
