"""The accounts that the demo makes, for tests as well."""

from demo.accounts import HOMES, Account, account, empty_home

__all__ = ["HOMES", "Account", "account", "empty_home"]
