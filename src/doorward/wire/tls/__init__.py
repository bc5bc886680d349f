"""What can be read of TLS before its handshake: the ClientHello."""
