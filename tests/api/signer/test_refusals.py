"""Refusals cross the socket as what they are."""

import pytest

from doorward.api.signer import refusals
from doorward.api.signer.messages import Failed
from doorward.base.errors import Conflict, DoorwardError, Invalid, Refused, Unavailable
from doorward.domain.certificates.refusals import BadPublicKey, BadSubject, ExtensionRefused, LifetimeRefused

ALL = [
    BadPublicKey,
    BadSubject,
    ExtensionRefused,
    LifetimeRefused,
    refusals.RateExceeded,
    refusals.BadRequest,
    refusals.StaleCheckpoint,
    refusals.ForkedCheckpoint,
    refusals.ForeignOrigin,
    refusals.SealedElsewhere,
]


@pytest.mark.parametrize("kind", ALL)
def test_refusal_arrives_with_its_type_and_words(kind: type[DoorwardError]) -> None:
    arrived = refusals.from_failed(refusals.to_failed(kind("issuing: too long")))
    assert type(arrived) is kind
    assert arrived.message == "issuing: too long"


@pytest.mark.parametrize("kind", [Invalid, Refused, Conflict, Unavailable])
def test_code_of_a_newer_signer_arrives_as_its_kind(kind: type[DoorwardError]) -> None:
    failed = refusals.to_failed(kind("x"))
    arrived = refusals.from_failed(Failed(failed.kind, "code_of_the_future", "words"))
    assert type(arrived) is kind


def test_codes_are_distinct() -> None:
    assert len({kind.code for kind in ALL}) == len(ALL)
