"""Where providers may stand: public addresses, and the networks that a connector lists."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.authority.oidc.addresses import Address, ForbiddenAddress, checked, is_allowed, resolve
from doorward.base.errors import Unavailable

FORBIDDEN = [
    *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
    *("224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "240.0.0.1"),
    *("::1", "::", "fe80::1", "fc00::1", "fd00::1", "ff02::1", "ff0e::1", "2001:db8::1"),
    *("::ffff:10.0.0.1", "::ffff:127.0.0.1", "2002:a00:1::", "64:ff9b::a00:1", "2001:0:a00:1::"),
]
ALLOWED = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8"]


def address(text: str) -> Address:
    return ipaddress.ip_address(text)


@pytest.mark.parametrize("text", FORBIDDEN)
def test_what_is_not_public_is_forbidden(text: str) -> None:
    assert not is_allowed(address(text), ())


@pytest.mark.parametrize("text", ALLOWED)
def test_what_is_public_is_allowed(text: str) -> None:
    assert is_allowed(address(text), ())


@given(found=st.ip_addresses(v=4))
def test_an_ipv4_address_in_ipv6_clothes_is_judged_as_what_it_is(found: ipaddress.IPv4Address) -> None:
    assert is_allowed(address(f"::ffff:{found}"), ()) == is_allowed(found, ())


def test_a_listed_network_is_allowed_and_nothing_beside_it() -> None:
    networks = (ipaddress.ip_network("10.1.0.0/16"),)
    assert is_allowed(address("10.1.2.3"), networks)
    assert is_allowed(address("::ffff:10.1.2.3"), networks)
    assert not is_allowed(address("10.2.0.1"), networks)
    assert not is_allowed(address("fd00::1"), networks)


def test_one_forbidden_address_of_a_name_forbids_the_name() -> None:
    with pytest.raises(ForbiddenAddress):
        checked([address("8.8.8.8"), address("10.0.0.1")], ())
    assert checked([address("8.8.8.8"), address("1.1.1.1")], ()) == address("8.8.8.8")


def test_a_name_without_addresses_is_not_there() -> None:
    with pytest.raises(Unavailable):
        checked([], ())


async def test_literals_and_names_are_judged_alike() -> None:
    loopback = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
    for host in ("127.0.0.1", "localhost"):
        with pytest.raises(ForbiddenAddress):
            await resolve(host, 443, ())
        assert (await resolve(host, 443, loopback)).is_loopback


@pytest.mark.parametrize("host", ["0x7f.1", "2130706433", "127.1"])
async def test_odd_spellings_of_an_address_lead_to_the_same_answer(host: str) -> None:
    with pytest.raises((ForbiddenAddress, Unavailable)):
        await resolve(host, 443, ())
