"""The people of the demo, for tests as well."""

from demo.people import DW, PASSWORD, Person

__all__ = ["DW", "PASSWORD", "Person"]
