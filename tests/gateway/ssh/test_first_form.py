"""The stock client through a gateway to a real sshd: `ssh -p PORT account@node@gateway`."""

from pathlib import Path

from tests.support.gateway_lab import gateway_lab


async def test_a_command_runs_and_its_exit_status_is_exact(tmp_path: Path) -> None:
    async with gateway_lab(tmp_path) as lab:
        result = await lab.ssh("true")
        assert (result.exit_code, result.stderr_text) == (0, "")
        assert (await lab.ssh("exit 37")).exit_code == 37
        assert lab.problems == []
