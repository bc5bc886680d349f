"""Doorward: one door, for one person or machine, to one target, for one job, for minutes."""
