"""What the authorities may sign and how it is checked: profiles, lifetimes, encoders, identities, proofs."""
