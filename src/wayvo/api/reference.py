"""``/openapi.json`` and ``/docs``: the reference, from the document that the API obeys."""

from typing import Annotated, Any, Final

import msgspec
from litestar import Controller, MediaType, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, PathParameter

from wayvo.api.authentication import PUBLIC
from wayvo.api.openapi import Document
from wayvo.api.pages.site import Site
from wayvo.api.refusals import Refused
from wayvo.core.errors import NotFound

# A page loads its style sheet from here and nothing from anywhere: no script, no frame, no form.
_POLICY: Final = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_KEPT: Final = "public, max-age=31536000, immutable"


class Reference:
    """The document and its pages, rendered once."""

    def __init__(self) -> None:
        self.json = b""
        self.site: Site

    def learn(self, document: Document) -> None:
        """Render the document."""
        self.json = msgspec.json.encode(document)
        self.site = Site(document)


class ReferenceController(Controller):
    """The API reference; needs no credential and no other host."""

    tags = ("Reference",)
    opt = {PUBLIC: True}  # noqa: RUF012 - the framework's own way

    @get("/openapi.json", summary="The OpenAPI document", operation_id="openapi")
    async def openapi(self, reference: NamedDependency[Reference]) -> Response[Any]:
        """Return the OpenAPI 3.1 document that this server obeys, and that the pages are made from."""
        return Response(reference.json, media_type="application/json")

    @get("/docs", summary="The reference", operation_id="docs", media_type=MediaType.HTML)
    async def docs(self, reference: NamedDependency[Reference]) -> Response[bytes]:
        """Return the reference as a page."""
        return _page(reference.site.reference)

    @get("/docs/errors", summary="All error codes", operation_id="docsErrors", media_type=MediaType.HTML)
    async def errors(self, reference: NamedDependency[Reference]) -> Response[bytes]:
        """Return the list of error codes as a page."""
        return _page(reference.site.errors)

    @get("/docs/errors/{code:str}", summary="An error code", operation_id="docsError", media_type=MediaType.HTML)
    async def error(
        self,
        reference: NamedDependency[Reference],
        code: Annotated[
            str,
            PathParameter(description="The `code` of a problem.", schema_extra={"examples": ["insufficient_scope"]}),
        ],
    ) -> Response[bytes]:
        """Return the page that explains an error code: where the `type` of a problem leads."""
        page = reference.site.error(code)
        if page is None:
            raise Refused(NotFound("There is no such error code."))
        return _page(page)

    @get("/docs/assets/{name:str}", summary="The pages' style sheet", operation_id="docsAsset", media_type="text/css")
    async def asset(self, reference: NamedDependency[Reference], name: FromPath[str]) -> Response[bytes]:
        """Return the style sheet of the pages; its name changes with its content, so that it can be kept for ever."""
        if name != reference.site.style_name:
            raise Refused(NotFound("There is nothing at this path."))
        return Response(reference.site.style, media_type="text/css", headers={"Cache-Control": _KEPT})


def _page(html: bytes) -> Response[bytes]:
    return Response(html, media_type=MediaType.HTML, headers={"Content-Security-Policy": _POLICY})
