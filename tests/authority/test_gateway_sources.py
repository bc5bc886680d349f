"""Where gateways are seen: addresses that mean something to a node, and no other text."""

import pytest

from doorward.authority.gateway_sources import SEEN_MAX, GatewaySources
from doorward.base.ids import GatewayId

ONE, OTHER = GatewayId("a" * 26), GatewayId("b" * 26)


def test_the_last_address_counts_for_gateways_that_are_asked_about() -> None:
    sources = GatewaySources()
    sources.saw(ONE, "192.0.2.1")
    sources.saw(ONE, "192.0.2.2")
    sources.saw(OTHER, "2001:db8::2")
    assert sources.addresses([ONE, OTHER]) == ("192.0.2.2", "2001:db8::2")
    assert sources.addresses([OTHER]) == ("2001:db8::2",)


@pytest.mark.parametrize(
    "text", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "", "unix", "fe80::1%eth0", "a b"]
)
def test_loopback_and_what_is_no_address_say_nothing(text: str) -> None:
    sources = GatewaySources()
    sources.saw(ONE, text)
    assert sources.addresses([ONE]) == ()


def test_address_of_four_bytes_is_shown_as_one() -> None:
    sources = GatewaySources()
    sources.saw(ONE, "::ffff:192.0.2.1")
    assert sources.addresses([ONE]) == ("192.0.2.1",)


def test_more_gateways_than_there_can_be_are_not_kept() -> None:
    sources = GatewaySources()
    for number in range(SEEN_MAX + 1):
        sources.saw(GatewayId(f"{number:026d}"), "192.0.2.1")
    sources.saw(ONE, "192.0.2.2")
    assert sources.addresses([ONE]) == ()
