"""SSH's data types, public keys, certificates, signatures and user authentication requests."""
