"""What a gateway is told when it starts."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from doorward.gateway.recorder.budget import RecorderLimits
from doorward.net.doors import DoorLimits

VERSION: Final = "Doorward"
"""What follows `SSH-2.0-`: the same for everybody, and no version number to choose an attack by."""

INSIDE_PER_USER_MAX: Final = 2_000
"""Connections of one user who has signed, wherever from. Roles bound sessions; who waits at a prompt holds none."""


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """`listen`: addresses and ports that serve everything; port 0 takes a free one.

    `authority` is where TLS for the authority's names is passed on to, None when this gateway passes nothing on.
    `metrics_listen` is where probes find `/healthz`, `/readyz` and `/metrics`, None for nowhere.
    `spool` holds recordings that have not been shipped yet. `show_identity` loads the gateway's own certificate and key
    into a TLS context; without it nobody comes in by TLS.
    """

    listen: tuple[tuple[str, int], ...]
    spool: Path
    authority: tuple[str, int] | None = None
    metrics_listen: tuple[str, int] | None = None
    show_identity: Callable[[ssl.SSLContext], None] | None = None
    doors: DoorLimits = field(default_factory=lambda: DoorLimits(inside_per_holder_max=INSIDE_PER_USER_MAX))
    recorder: RecorderLimits = field(default_factory=RecorderLimits)
    sessions_max: int = 10_000
    splice_idle_seconds: float = 900.0
    drain_seconds: float = 5.0
