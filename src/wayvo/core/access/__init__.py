"""What a credential may do: scopes, and the permissions of Wayvo's own API."""
