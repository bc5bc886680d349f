"""What is asked of the signer and answered, its framing on the socket, and the client."""
