"""The reference as pages: from the OpenAPI document and ``docs/errors`` to HTML that needs no script."""
