"""`make demo`: Doorward and two real sshd's on loopback, and the story with the real ssh; then it stays up.

    python -m demo.run [--check] [--folder DIR]

With `--check` it ends after the story; the exit status is 1 when a step did not hold, and the step is named.
"""

import argparse
import signal
import subprocess
import sys
from pathlib import Path

from demo.afterwards import show_lines, wait_for_end
from demo.narrator import Narrator
from demo.stage import AlreadyRunning, set_stage, take_folder
from demo.story import Story


def main() -> int:
    """Play it; the exit status."""
    parser = argparse.ArgumentParser(prog="demo", description="Doorward with two servers, on this machine.")
    parser.add_argument("--check", action="store_true", help="end after the story; fail when a step does not hold")
    parser.add_argument("--folder", type=Path, help="where everything lies; .demo in the checkout by default")
    arguments = parser.parse_args()
    narrator = Narrator()
    try:
        return _play(narrator, arguments.folder, check=arguments.check)
    except KeyboardInterrupt:
        return 130
    except (
        AssertionError,
        AlreadyRunning,
        OSError,
        LookupError,
        ValueError,
        RuntimeError,
        subprocess.SubprocessError,
    ) as error:
        narrator.failed(str(error) or type(error).__name__)
        return 1


def _play(narrator: Narrator, wanted: Path | None, *, check: bool) -> int:
    # Whoever asks us to end gets the same clean-up as Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.default_int_handler)
    folder, lock = take_folder(wanted)
    with lock:
        narrator.plain(f"Doorward's demo, in {folder}")
        stage = set_stage(folder)
        try:
            cast = Story(stage, narrator).tell()
            narrator.plain()
            narrator.plain("All of it held.")
            if not check:
                show_lines(stage, cast, narrator)
                wait_for_end()
        finally:
            stage.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
