"""Probes of a running installation: both listeners, and that readiness goes and comes with what a process needs."""

import os
import shutil
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.support.installation import Installation, temporary_folder
from tests.support.processes import wait_for

GONE_SECONDS_MAX = 20.0


@pytest.fixture(scope="module")
def running() -> Iterator[Installation]:
    folder = temporary_folder()
    installation = Installation.create(folder)
    try:
        installation.start()
        yield installation
    finally:
        installation.stop()
        shutil.rmtree(folder)


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=15) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def status(port: int) -> int:
    return get(port, "/readyz")[0]


@contextmanager
def stopped(installation: Installation, role: str) -> Iterator[None]:
    """The process stands still: it holds its sockets and answers nothing."""
    pid = installation.pid_of(role)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_what_says_that_it_is_ready_is_ready(running: Installation) -> None:
    running.stop()
    running.start()
    for port in (running.metrics_port, running.gateway_metrics_port):
        assert get(port, "/readyz") == (200, "ready\n")
        assert get(port, "/healthz") == (200, "ok\n")


def test_figures_are_read_and_nothing_else_is_there(running: Installation) -> None:
    authority, gateway = running.metrics_port, running.gateway_metrics_port
    assert "\ndoorward_gateways_in_contact 1.0\n" in get(authority, "/metrics")[1]
    assert "\ndoorward_gateway_in_control 1.0\n" in get(gateway, "/metrics")[1]
    assert "\ndoorward_gateway_recordings_waiting 0.0\n" in get(gateway, "/metrics")[1]
    for port in (authority, gateway):
        assert get(port, "/v1/trust")[0] == 404


def test_a_gateway_without_its_authority_lives_but_is_not_ready(running: Installation) -> None:
    port = running.gateway_metrics_port
    with stopped(running, "authority"):
        wait_for(lambda: status(port) == 503, GONE_SECONDS_MAX)
        assert get(port, "/healthz")[0] == 200
        assert "\ndoorward_gateway_in_control 0.0\n" in get(port, "/metrics")[1]
    wait_for(lambda: status(port) == 200, GONE_SECONDS_MAX)


def test_an_authority_without_its_signer_lives_but_is_not_ready(running: Installation) -> None:
    port = running.metrics_port
    with stopped(running, "signer"):
        assert status(port) == 503
        assert get(port, "/healthz")[0] == 200
    wait_for(lambda: status(port) == 200, GONE_SECONDS_MAX)
