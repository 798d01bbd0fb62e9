"""``/v1/whoami``."""

from litestar import Controller, get
from litestar.di import NamedDependency

from wayvo.api.refusals import unwrap
from wayvo.api.schemas.whoami import WhoamiView, whoami_view
from wayvo.api.strict_request import StrictRequest
from wayvo.services.directory import Services


class WhoamiController(Controller):
    """Tells a credential about itself."""

    path = "/v1/whoami"
    tags = ("Identity",)

    @get(summary="Who am I?", operation_id="whoami")
    async def show(self, request: StrictRequest, services: NamedDependency[Services]) -> WhoamiView:
        """Show whom the credential speaks for and what it holds. Needs access to Wayvo's API, but no scope."""
        return whoami_view(unwrap(await services.whoami.identify(request.auth)))
