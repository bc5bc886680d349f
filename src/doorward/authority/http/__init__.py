"""The authority's HTTP API: routes, who may call them, problem documents."""
