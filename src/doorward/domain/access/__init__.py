"""Who may do what, where, as whom and under which obligations: pure functions over roles, labels, locks and grants."""
