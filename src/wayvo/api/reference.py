"""``/openapi.json``, ``/docs``, ``/docs/errors/<code>``: the reference, from the document that the API obeys."""

from typing import Any

import msgspec
from litestar import Controller, Response, get
from litestar.di import NamedDependency

from wayvo.api.authentication import PUBLIC
from wayvo.api.openapi import Document


class Reference:
    """The pages, rendered once."""

    def __init__(self) -> None:
        self._json = b""

    def learn(self, document: Document) -> None:
        """Render the document."""
        self._json = msgspec.json.encode(document)

    @property
    def json(self) -> bytes:
        """The OpenAPI document."""
        return self._json


class ReferenceController(Controller):
    """The API reference; needs no credential and no other host."""

    tags = ("Reference",)
    opt = {PUBLIC: True}  # noqa: RUF012 - the framework's own way

    @get("/openapi.json", summary="The OpenAPI document", operation_id="openapi")
    async def openapi(self, reference: NamedDependency[Reference]) -> Response[Any]:
        """Return this document."""
        return Response(reference.json, media_type="application/json")
