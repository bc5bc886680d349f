"""The installation of the demo, for tests as well."""

from demo.installation import DOORWARD, Installation, temporary_folder

__all__ = ["DOORWARD", "Installation", "temporary_folder"]
