"""The one ssh with a key that is not ours."""

from pathlib import Path

import pytest

from doorward.base.errors import Invalid
from doorward.cli.setup_run import setup_command


@pytest.mark.parametrize(
    ("destination", "end"),
    [
        ("root@h", ["-T", "-l", "root", "--", "h", "sh -s"]),
        ("root@h:22", ["-T", "-p", "22", "-l", "root", "--", "h", "sh -s"]),
        ("root@[::1]:22", ["-T", "-p", "22", "-l", "root", "--", "::1", "sh -s"]),
        ("root@::1", ["-T", "-l", "root", "--", "::1", "sh -s"]),
    ],
)
def test_destinations(destination: str, end: list[str]) -> None:
    command = setup_command("/usr/bin/ssh", destination, Path("/key"))
    assert command[-len(end) :] == end


@pytest.mark.parametrize("destination", ["h", "@h", "root@", "root@-oProxyCommand=x", "-l@h", "root@h:x"])
def test_what_is_no_destination_is_refused(destination: str) -> None:
    with pytest.raises(Invalid):
        setup_command("/usr/bin/ssh", destination, Path("/key"))
