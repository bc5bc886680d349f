"""The soft limit of descriptors is raised to what the host allows, and never lowered."""

import resource
from pathlib import Path

import pytest

from doorward.main import gateway_role, logs, serve
from doorward.main.descriptors import DESCRIPTORS_MAX, raise_descriptor_limit
from doorward.main.layout import Layout

UNLIMITED = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("soft", "hard", "after"),
    [
        (1024, 20_000, (20_000, 20_000)),
        (1024, UNLIMITED, (DESCRIPTORS_MAX, UNLIMITED)),
        (1024, DESCRIPTORS_MAX * 2, (DESCRIPTORS_MAX, DESCRIPTORS_MAX * 2)),
        (20_000, 20_000, None),
        (DESCRIPTORS_MAX * 2, DESCRIPTORS_MAX * 4, None),
        (UNLIMITED, UNLIMITED, None),
    ],
)
def test_limit_after_start(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, after: tuple[int, int] | None
) -> None:
    done: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: done.append(limits))
    raise_descriptor_limit()
    assert done == ([] if after is None else [after])


def test_role_raises_it_before_it_serves(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    done: list[str] = []
    monkeypatch.setattr(logs, "configure", lambda _: None)
    monkeypatch.setattr(serve, "raise_descriptor_limit", lambda: done.append("raised"))
    monkeypatch.setattr(gateway_role, "run_here", lambda _: done.append("served"))
    serve.run_role_here("gateway", Layout(tmp_path), None)
    assert done == ["raised", "served"]
