"""Gateways on the command line."""

import json

from tests.support.command_line import CommandLine
from tests.support.stub_authority import StubAuthority

from doorward.api.bodies.administration import GatewayList, GatewayView

GATEWAY = GatewayView("g" * 26, "gw-1", ["gw.example"], "2026-01-01T00:00:00Z", "in contact", None, 2)


def test_gateways_are_listed(alice: CommandLine, stub: StubAuthority) -> None:
    stub.answers["GET /v1/gateways"] = (200, GatewayList([GATEWAY]))
    lines = alice("gateways", "ls").out.splitlines()
    assert lines[1].split() == ["gw-1", "in", "contact", "2", "gw.example", "2026-01-01T00:00:00Z"]
    assert json.loads(alice("gateways", "ls", "--json").out)[0]["names"] == ["gw.example"]


def test_a_gateway_is_disabled_and_removed_by_name(alice: CommandLine, stub: StubAuthority) -> None:
    stub.answers["POST /v1/gateways/gw-1/disable"] = (200, GATEWAY)
    stub.answers["DELETE /v1/gateways/gw-1"] = (200, GATEWAY)
    assert alice("gateways", "disable", "gw-1").out.startswith("gateway gw-1 disabled\n2 sessions are being cut")
    assert alice("gateways", "rm", "gw-1").out.startswith("gateway gw-1 removed\n2 sessions are being cut")
