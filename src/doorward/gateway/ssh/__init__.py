"""SSH at the gateway: signing users in, dialling nodes, and carrying channels between the two."""
