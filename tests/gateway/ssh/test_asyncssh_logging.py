"""asyncssh's logger, asking first: nothing is put into words that nobody reads, and what is read is unchanged."""

import logging

import pytest
from asyncssh.logging import SSHLogger

from doorward.gateway.ssh.asyncssh_logging import quiet

NAME = "asyncssh.tried"


class Dear:
    """An argument that must not be put into words."""

    def __str__(self) -> str:
        raise AssertionError("nobody reads this")


def test_what_nobody_reads_is_not_put_into_words(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, NAME)
    logger = quiet(SSHLogger(logging.getLogger(NAME)))
    logger.info("%s", [Dear()])
    assert logger.get_child(context="chan=1") is logger
    assert caplog.records == []


def test_what_is_read_says_the_same(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, NAME)
    logger = quiet(SSHLogger(logging.getLogger(NAME), context="conn=1"))
    logger.get_child(context="chan=1").info("from %s", ("host", 22))
    assert caplog.messages == ["[conn=1, chan=1] from host, port 22"]
