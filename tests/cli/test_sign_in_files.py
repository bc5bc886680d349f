"""Where the door is, and whom ssh believes about it."""

import subprocess
from pathlib import Path

import pytest
from tests.support.command_line import CommandLine
from tests.support.stub_authority import StubAuthority

from doorward.base.errors import Invalid
from doorward.cli.sign_in_files import gateway_address, gateway_of

URL = "https://door.example:3443"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], ("door.example", 3443)),
        (["other.example", "door.example"], ("door.example", 3443)),
        (["gw.example:22", "gw2.example"], ("gw.example", 22)),
        (["::1"], ("::1", 3443)),
        (["[::1]:99"], ("::1", 99)),
    ],
)
def test_the_gateway_is_where_one_signed_in_or_else_the_first(names: list[str], expected: tuple[str, int]) -> None:
    assert gateway_of(URL, [names]) == expected
    assert gateway_of(URL, [[name] for name in names]) == expected


@pytest.mark.parametrize("name", ["", "a/b", "u@h", "h:0x", "h:70000", "*", "a,b", "UPPER_", "-x", "a\nb", "h?x"])
def test_what_is_no_host_is_refused(name: str) -> None:
    with pytest.raises((Invalid, ValueError)):
        gateway_address(name, 22)


def test_known_hosts_believe_the_face_authority_for_gateways_and_nodes_only(
    dw: CommandLine, stub: StubAuthority, tmp_path: Path
) -> None:
    stub.gateways = [["127.0.0.1", "gw.example"], ["plain.example:22", "other.example"]]
    dw.login(stub)
    known = (dw.home / "known_hosts").read_text()
    assert known.startswith(
        f"@cert-authority [127.0.0.1]:{stub.port},[gw.example]:{stub.port},plain.example,[other.example]:{stub.port},"
        "127.0.0.1,plain.example,*.dw ssh-"
    )

    def found(host: str) -> bool:
        command = ["/usr/bin/ssh-keygen", "-F", host, "-f", str(dw.home / "known_hosts")]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    assert found(f"[127.0.0.1]:{stub.port}")
    assert found("plain.example")
    assert found("127.0.0.1")  # the first name, which is what the gateway proves under any of them
    assert found("prod-web-01.dw")
    assert not found("gw.example")
    assert not found("other.example")
    assert not found("github.com")
