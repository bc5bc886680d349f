"""The gateway process is told what its file says."""

from pathlib import Path

from doorward.gateway.recorder.budget import MIB, RecorderLimits
from doorward.main.gateway_role import settings_from
from doorward.main.gateway_settings import GatewayFacts
from doorward.main.settings import Address


def test_a_gateway_keeps_the_limits_that_its_file_says(tmp_path: Path) -> None:
    limits = RecorderLimits(session_bytes_max=64 * MIB)
    settings = settings_from(GatewayFacts((Address("localhost", 1),), Address("localhost", 2), limits), tmp_path)
    assert settings.recorder is limits
    assert (settings.listen, settings.authority) == ((("localhost", 1),), ("localhost", 2))
    assert settings.spool == tmp_path / "spool"
