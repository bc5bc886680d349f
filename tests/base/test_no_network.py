"""Tests of pure code have no network, so that they can not come to need one."""

import os
import pwd
import socket

import pytest


def test_a_socket_can_not_connect_here() -> None:
    with socket.socket() as one, pytest.raises(AssertionError, match="pure code"):
        one.connect(("127.0.0.1", 1))


def test_home_is_not_the_users_own() -> None:
    assert os.environ["HOME"] != pwd.getpwuid(os.getuid()).pw_dir
    assert "SSH_AUTH_SOCK" not in os.environ
