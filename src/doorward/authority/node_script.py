"""The script that prepares a node: a fixed text behind a head of quoted values.

The text lies in parts, in the order in which the shell reads them. All but the last line of the last part define names
only, so that a script that was cut off on its way changes nothing.
"""

import shlex
from dataclasses import dataclass
from importlib.resources import files
from typing import Final
from urllib.parse import urlsplit

from doorward.base.ids import NodeId

PARTS: Final = ("1_start.sh", "2_transaction.sh", "3_configuration.sh", "4_enrolment.sh", "5_steps.sh")


@dataclass(frozen=True, slots=True)
class ScriptFacts:
    """What differs from node to node; every value is quoted for the shell."""

    node_id: NodeId
    node_name: str
    logins: tuple[str, ...]
    url: str
    token: str
    root_pem: str
    gateways: tuple[str, ...]
    """Addresses, networks and names from which gateways come; the script resolves the names on the node."""
    exclusive: bool


def setup_script(facts: ScriptFacts) -> str:
    """A POSIX shell script; it holds a one-time token."""
    values = {
        "DOORWARD_NODE_ID": facts.node_id,
        "DOORWARD_NODE_NAME": facts.node_name,
        "DOORWARD_LOGINS": " ".join(facts.logins),
        "DOORWARD_URL": facts.url,
        "DOORWARD_HOST_PORT": _host_port(facts.url),
        "DOORWARD_TOKEN": facts.token,
        "DOORWARD_GATEWAYS": ",".join(facts.gateways),
        "DOORWARD_EXCLUSIVE": "yes" if facts.exclusive else "no",
        "DOORWARD_ROOT_PEM": facts.root_pem,
    }
    head = "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())
    folder = files("doorward.authority").joinpath("node_setup")
    body = "\n".join(folder.joinpath(part).read_text(encoding="utf-8") for part in PARTS)
    return f"#!/bin/sh\n{head}\n{body}"


def _host_port(url: str) -> str:
    parts = urlsplit(url)
    host = parts.hostname or ""
    return f"[{host}]:{parts.port or 443}" if ":" in host else f"{host}:{parts.port or 443}"
