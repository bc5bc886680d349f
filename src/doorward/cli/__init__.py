"""The user's command, `dw`."""
