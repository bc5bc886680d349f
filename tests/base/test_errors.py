"""Every error has one of five kinds, a stable code and a sentence."""

import pytest

from doorward.base.errors import Conflict, DoorwardError, Invalid, Missing, Refused, Unavailable


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (Invalid, "invalid"),
        (Missing, "missing"),
        (Refused, "refused"),
        (Conflict, "conflict"),
        (Unavailable, "unavailable"),
    ],
)
def test_kinds_keep_their_codes(kind: type[DoorwardError], code: str) -> None:
    assert kind.code == code
    assert issubclass(kind, DoorwardError)
    assert kind("reading the role").message == "reading the role"


def test_an_error_without_a_sentence_speaks_its_code() -> None:
    class SelfReview(Refused):
        code = "self_review"

    assert SelfReview().message == "self review"
