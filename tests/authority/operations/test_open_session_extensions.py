"""What a session certificate carries: the plan's permissions, so that the node enforces them too."""

from dataclasses import replace

import pytest

from doorward.authority.operations.open_session import extensions_of
from doorward.domain.access.obligations import Obligations
from doorward.domain.recording.levels import RecordingLevel


@pytest.mark.parametrize(
    ("obligations", "given"),
    [
        (Obligations(), ("permit-pty",)),
        (Obligations(permit_shell=False), ("permit-pty",)),
        (Obligations(permit_shell=False, permit_exec=False), ()),
        (Obligations(port_forwarding_local=True), ("permit-pty", "permit-port-forwarding")),
        (Obligations(port_forwarding_remote=True), ("permit-pty", "permit-port-forwarding")),
        (Obligations(forward_agent=True), ("permit-pty", "permit-agent-forwarding")),
    ],
)
def test_certificate_carries_what_the_plan_permits(obligations: Obligations, given: tuple[str, ...]) -> None:
    assert extensions_of(obligations) == given


def test_certificate_of_a_strictly_recorded_session_permits_no_forwarding() -> None:
    wide = Obligations(port_forwarding_local=True, port_forwarding_remote=True, forward_agent=True)
    assert extensions_of(replace(wide, recording=RecordingLevel.OUTPUT_INPUT))[1:] != ()
    assert extensions_of(replace(wide, recording=RecordingLevel.STRICT)) == ("permit-pty",)
