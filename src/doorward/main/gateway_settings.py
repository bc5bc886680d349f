"""What a gateway's directory says: where it listens, for users and for probes, where its authority is, and how much of
recordings it keeps."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from doorward.base.errors import Invalid
from doorward.gateway.recorder.budget import RecorderLimits
from doorward.main.layout import Layout, make_private_directory
from doorward.main.recording_limits import dump_limits, parse_limits
from doorward.main.settings import Address, BadSettings, Settings, parse_address

SETTINGS_FILE: Final = "gateway.json"
FIELDS: Final = {"listen", "authority", "recording", "metrics_listen"}


@dataclass(frozen=True, slots=True)
class GatewayFacts:
    """All that stands in the file."""

    listen: tuple[Address, ...]
    authority: Address
    recording: RecorderLimits
    metrics_listen: Address | None = None


def write_settings(layout: Layout, settings: Settings) -> None:
    """What `serve` tells the gateway beside it."""
    make_private_directory(layout.gateway)
    probed = settings.gateway_metrics_listen
    write_facts(layout.gateway, GatewayFacts((settings.listen,), settings.authority_listen, settings.recording, probed))


def write_facts(directory: Path, facts: GatewayFacts) -> None:
    """The file of the gateway in `directory`."""
    plain: dict[str, object] = {
        "listen": [str(one) for one in facts.listen],
        "authority": str(facts.authority),
        "recording": dump_limits(facts.recording),
    }
    if facts.metrics_listen is not None:
        plain["metrics_listen"] = str(facts.metrics_listen)
    (directory / SETTINGS_FILE).write_text(json.dumps(plain, indent=2) + "\n", encoding="utf-8")


def read_settings(directory: Path) -> GatewayFacts:
    """What the file says; `BadSettings` when it is missing, damaged, or edited into something that is no setting."""
    file = directory / SETTINGS_FILE
    try:
        facts: Any = json.loads(file.read_text(encoding="utf-8"))
        listen = tuple(parse_address(one, "listen") for one in facts["listen"])
        authority = parse_address(facts["authority"], "authority")
        probed = parse_address(facts["metrics_listen"], "metrics_listen") if "metrics_listen" in facts else None
        unknown = sorted(set(facts) - FIELDS)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadSettings(f"reading {file}: it is missing or damaged; doorward serve or join writes it") from error
    if unknown:
        raise BadSettings(f"reading {file}: unknown key {unknown[0]!r}; known are {', '.join(sorted(FIELDS))}")
    try:
        return GatewayFacts(listen, authority, parse_limits(facts.get("recording", {})), probed)
    except Invalid as error:
        raise BadSettings(f"reading {file}: {error.message}") from error
