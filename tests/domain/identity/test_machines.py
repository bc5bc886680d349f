"""Join tokens are stored as a hash that is no other hash of ours."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from doorward.domain.identity.invitation import hash_code
from doorward.domain.identity.machines import LEASE_LENGTH, TOKEN_LIFETIME, hash_token
from doorward.gateway.control import LEASE_EVERY_SECONDS


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_token_hash_is_32_bytes_and_no_codes_hash(text: str) -> None:
    assert len(hash_token(text)) == 32
    assert hash_token(text) != hash_code(text)


def test_spaces_around_a_token_do_not_count_and_case_does() -> None:
    assert hash_token(" abc\n") == hash_token("abc")
    assert hash_token("ABC") != hash_token("abc")


def test_lease_survives_a_few_lost_renewals() -> None:
    assert timedelta(seconds=LEASE_EVERY_SECONDS) * 4 < LEASE_LENGTH < TOKEN_LIFETIME
