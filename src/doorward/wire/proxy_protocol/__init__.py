"""The PROXY protocol, version 2: who the client is, told ahead of a connection that is passed on."""
