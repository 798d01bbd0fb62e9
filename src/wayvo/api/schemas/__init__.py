"""The JSON of the management API, in and out, as the OpenAPI document shows it."""
