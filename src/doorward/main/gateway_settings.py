"""What a gateway's directory says: where it listens, and where its authority is."""

import json
from pathlib import Path
from typing import Any, Final

from doorward.main.layout import Layout, make_private_directory
from doorward.main.settings import Address, BadSettings, Settings, parse_address

SETTINGS_FILE: Final = "gateway.json"


def write_settings(layout: Layout, settings: Settings) -> None:
    """What `serve` tells the gateway beside it."""
    make_private_directory(layout.gateway)
    facts = {"listen": [str(settings.listen)], "authority": str(settings.authority_listen)}
    (layout.gateway / SETTINGS_FILE).write_text(json.dumps(facts), encoding="utf-8")


def read_settings(directory: Path) -> tuple[list[Address], Address]:
    """Where to listen, and where the authority is."""
    file = directory / SETTINGS_FILE
    try:
        facts: Any = json.loads(file.read_text(encoding="utf-8"))
        return [parse_address(one, "listen") for one in facts["listen"]], parse_address(facts["authority"], "authority")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadSettings(f"reading {file}: it is missing or damaged; doorward serve writes it") from error
