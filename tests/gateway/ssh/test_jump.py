"""Which `direct-tcpip` requests lead anywhere: `<node>.<suffix>`, port 22, and no other bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.gateway.ssh.jump import face_wanted
from doorward.wire.ssh.fields import encode_text, encode_uint32


def request(host: str, port: int = 22, rest: bytes = b"") -> bytes:
    return encode_text(host) + encode_uint32(port) + encode_text("127.0.0.1") + encode_uint32(1) + rest


@pytest.mark.parametrize("host", ["prod-web-01.dw", "a.dw", "0.dw", "a" * 63 + ".dw"])
def test_a_node_by_its_name_is_found(host: str) -> None:
    assert face_wanted(request(host), "dw") == host


def test_a_host_name_knows_no_case() -> None:
    assert face_wanted(request("Prod-Web-01.DW"), "dw") == "prod-web-01.dw"


@pytest.mark.parametrize(
    "host",
    [
        "",
        ".dw",
        "dw",
        "prod-web-01",
        "prod-web-01.dw.",
        "prod-web-01.dw.example",
        "a.b.dw",
        "-a.dw",
        "a-.dw",
        "a_b.dw",
        "a b.dw",
        "a\n.dw",
        "a.dw\n",
        "a" * 64 + ".dw",
        "127.0.0.1",
        "::1",
        "ä.dw",
        "\u212a.dw",  # its lower case is an ASCII k
        "a.d\u212a",
    ],
)
def test_any_other_host_leads_nowhere(host: str) -> None:
    assert face_wanted(request(host), "dw") is None


@given(port=st.integers(0, 2**32 - 1).filter(lambda port: port != 22))
def test_any_other_port_leads_nowhere(port: int) -> None:
    assert face_wanted(request("prod-web-01.dw", port), "dw") is None


@given(noise=st.binary(max_size=120))
def test_noise_leads_nowhere(noise: bytes) -> None:
    assert face_wanted(noise, "dw") is None


@given(cut=st.integers(0, len(request("prod-web-01.dw")) - 1), rest=st.binary(min_size=1, max_size=8))
def test_a_request_that_is_cut_or_followed_by_more_leads_nowhere(cut: int, rest: bytes) -> None:
    assert face_wanted(request("prod-web-01.dw")[:cut], "dw") is None
    assert face_wanted(request("prod-web-01.dw", rest=rest), "dw") is None


@given(host=st.text(max_size=80))
def test_what_is_answered_is_always_a_plain_name_of_a_node(host: str) -> None:
    found = face_wanted(request(host), "dw")
    assert found is None or (found.isascii() and found.endswith(".dw") and found.count(".") == 1)
