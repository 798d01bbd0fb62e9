"""The management API: REST, one controller file per resource."""
