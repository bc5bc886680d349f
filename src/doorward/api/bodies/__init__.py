"""What crosses a process boundary, as msgspec structs: JSON on the wire, unknown fields refused, bytes as base64."""
