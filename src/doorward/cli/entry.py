"""Where `dw` starts.

`dw ssh` goes straight to the program ssh without loading anything: people wait for it. All else loads click and then
the one module that holds the command.
"""

import sys


def main() -> int:
    """Run the command line; the answer is the exit code."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["ssh"] and arguments[1:2] not in ([], ["--help"], ["-h"]):
        from doorward.cli.ssh_start import run

        return run(arguments[1:])
    from doorward.cli.app import run_app

    return run_app(arguments)


if __name__ == "__main__":
    sys.exit(main())
