"""Puts the management API together."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from litestar import Litestar
from litestar.di import Provide
from litestar.middleware import DefineMiddleware
from litestar.types import ControllerRouterHandler

from wayvo.api.api_keys import ApiKeysController
from wayvo.api.apis import ApisController
from wayvo.api.audit import AuditEventsController
from wayvo.api.authentication import Authentication, origin_of
from wayvo.api.health import HealthController, Probe
from wayvo.api.invitations import InvitationsController
from wayvo.api.key_imports import KeyImportsController
from wayvo.api.openapi import describe, query_parameters
from wayvo.api.organizations import OrganizationsController
from wayvo.api.project_members import ProjectMembersController
from wayvo.api.projects import ProjectsController
from wayvo.api.reference import Reference, ReferenceController
from wayvo.api.refusals import Denied, handlers
from wayvo.api.roles import PermissionsController, RolesController
from wayvo.api.strict_request import QueryGuard, StrictRequest
from wayvo.api.users import UsersController
from wayvo.api.whoami import WhoamiController
from wayvo.core.actor import Origin
from wayvo.core.networks import Networks
from wayvo.edge.asgi import Scope
from wayvo.services.directory import Services
from wayvo.verify.handler import Verifier

RESOURCES: Final[Sequence[ControllerRouterHandler]] = (
    ApiKeysController,
    KeyImportsController,
    ApisController,
    AuditEventsController,
    ProjectsController,
    ProjectMembersController,
    OrganizationsController,
    UsersController,
    InvitationsController,
    RolesController,
    PermissionsController,
    WhoamiController,
    HealthController,
    ReferenceController,
)
"""Every controller of this door."""

MAX_BODY_BYTES: Final = 65_536


def create_api(
    *,
    services: Services,
    verifier: Verifier,
    probe: Probe,
    trusted_proxies: Networks,
    public_url: str,
    doors: Mapping[str, Any],
    denied: Denied,
) -> Litestar:
    """Return the management API as an ASGI application.

    ``doors`` describe what the others answer, for the document; ``denied`` hears of who may not do what they ask for.
    """
    guard = QueryGuard()
    reference = Reference()
    dependencies = {
        "services": _provide(services),
        "probe": _provide(probe),
        "reference": _provide(reference),
        "origin": _provide_origin(trusted_proxies),
    }
    dependencies["public_url"] = _provide(public_url)
    document = describe(RESOURCES, dependencies, doors, public_url)
    reference.learn(document)
    guard.learn(query_parameters(document))
    return Litestar(
        RESOURCES,
        request_class=StrictRequest,
        request_max_body_size=MAX_BODY_BYTES,
        before_request=guard,
        middleware=[DefineMiddleware(Authentication, verifier=verifier, trusted_proxies=trusted_proxies)],
        exception_handlers=handlers(public_url, denied),
        dependencies=dependencies,
        openapi_config=None,
        logging_config=None,
    )


def _provide(value: object) -> Provide:
    async def provide() -> Any:
        return value

    return Provide(provide)


def _provide_origin(trusted_proxies: Networks) -> Provide:
    async def provide(request: StrictRequest) -> Origin:
        return origin_of(cast("Scope", request.scope), trusted_proxies)

    return Provide(provide)
