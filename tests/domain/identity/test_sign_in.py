"""A sign-in counts from its beginning until it ends, and not at its very end."""

from dataclasses import replace
from datetime import timedelta

from tests.support.stored_values import SIGN_IN

from doorward.domain.identity.sign_in import SIGN_IN_LENGTH_DEFAULT, SIGN_IN_LENGTH_MAX, SignInEnd


def test_is_live_from_creation_until_expiry() -> None:
    assert SIGN_IN.is_live(SIGN_IN.created)
    assert SIGN_IN.is_live(SIGN_IN.expires - timedelta(microseconds=1))
    assert not SIGN_IN.is_live(SIGN_IN.expires)


def test_is_not_live_before_it_was_made() -> None:
    assert not SIGN_IN.is_live(SIGN_IN.created - timedelta(microseconds=1))


def test_ended_one_is_never_live() -> None:
    ended = replace(SIGN_IN, ended=SIGN_IN.created, end_reason=SignInEnd.SIGNED_OUT)
    assert not ended.is_live(SIGN_IN.created)


def test_usual_length_is_within_the_longest() -> None:
    assert SIGN_IN_LENGTH_DEFAULT <= SIGN_IN_LENGTH_MAX
