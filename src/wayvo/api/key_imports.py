"""``/v1/api-keys/import``."""

from typing import Final

from litestar import Controller, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from wayvo.api.refusals import unwrap
from wayvo.api.schemas.key_imports import ImportKeysBody, ImportReportView, report_view
from wayvo.api.strict_request import StrictRequest
from wayvo.services.directory import Services

MAX_BODY_BYTES: Final = 2 * 1024 * 1024
"""A thousand rows of two kilobytes."""


class KeyImportsController(Controller):
    """Import API keys that were made elsewhere."""

    path = "/v1/api-keys/import"
    tags = ("API keys",)

    @post(
        summary="Import API keys",
        operation_id="importApiKeys",
        status_code=200,
        request_max_body_size=MAX_BODY_BYTES,
    )
    async def run(
        self, request: StrictRequest, services: NamedDependency[Services], data: JSONBody[ImportKeysBody]
    ) -> ImportReportView:
        """Bring keys that were made elsewhere, as their SHA-256. They work at once, and nobody has to change one.

        Each row is stored as a whole or refused with a reason. A key that is here already is left as it is: an import
        that was interrupted is sent again. Nobody gives a key more than they hold. Needs `api-keys:import`.
        """
        return report_view(unwrap(await services.key_imports.run(request.auth, unwrap(data.to_command()))))
