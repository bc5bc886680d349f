"""What people declare in YAML: one file a kind, each a typed value with its checks."""
