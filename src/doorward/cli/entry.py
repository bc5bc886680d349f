"""Where `dw` starts.

`dw ssh` goes straight to the program ssh without loading anything, and `dw proxy ssh` to the gateway: people wait for
both. All else loads click and then the one module that holds the command.
"""

import sys


def main() -> int:
    """Run the command line; the answer is the exit code."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["ssh"] and arguments[1:2] not in ([], ["--help"], ["-h"]):
        from doorward.cli.ssh_start import run

        return run(arguments[1:])
    if arguments[:2] == ["proxy", "ssh"] and arguments[2:3] not in ([], ["--help"], ["-h"]):
        from doorward.cli.ssh_proxy import run as run_proxy

        return run_proxy(arguments[2:])
    from doorward.cli.app import run_app

    return run_app(arguments)


if __name__ == "__main__":
    sys.exit(main())
