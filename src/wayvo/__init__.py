"""Wayvo: API keys, OAuth 2.0, roles, rate limits, usage and alerts for an API, in one process."""

__version__ = "0.1.0"
