"""The examples' reverse proxies, run for real between a client, Wayvo and an upstream that echoes what it gets."""
