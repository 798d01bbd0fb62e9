"""``/v1/api-keys``."""

from collections.abc import Callable
from typing import Annotated, Final

from litestar import Controller, Response, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from wayvo.api.creations import REPLAY_HEADERS, answer_creation, read_once
from wayvo.api.refusals import unwrap
from wayvo.api.schemas.api_keys import (
    ApiKeyView,
    ChangeApiKeyBody,
    CreateApiKeyBody,
    IssuedApiKeyView,
    RevokeApiKeyBody,
    RotateApiKeyBody,
    RotatedApiKeyView,
    ShownApiKeyView,
    issued_view,
    rotated_view,
    shown_view,
    view,
)
from wayvo.api.schemas.fields import Cursor, IdempotencyKey, Instant, Limit, List, moment, to_list
from wayvo.api.strict_request import StrictRequest
from wayvo.core.credentials.api_key import Issued, Status
from wayvo.core.credentials.format import Mode
from wayvo.core.paging import DEFAULT_PAGE
from wayvo.services.api_keys import Rotated
from wayvo.services.directory import Services
from wayvo.services.lists import Paging
from wayvo.store.api_keys import ApiKeyFilter

_SHOWN_ONCE: Final = ("api_key",)


class ApiKeysController(Controller):
    """Create, list, show, change, rotate and revoke API keys."""

    path = "/v1/api-keys"
    tags = ("API keys",)

    @post(summary="Create an API key", operation_id="createApiKey", response_headers=REPLAY_HEADERS)
    async def create(
        self,
        request: StrictRequest,
        services: NamedDependency[Services],
        data: JSONBody[CreateApiKeyBody],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[IssuedApiKeyView]:
        """Make a key that holds nothing but what is named. Its secret is in this answer and nowhere else.

        Nobody gives more than they hold: what is named in `access` and `scopes` the calling credential must hold too.
        So must the user whom `user_id` names, if any; binding a key to somebody else than oneself needs `users:write`.
        Needs `api-keys:write`, in the organization or in the key's project.
        """
        show: Callable[[Issued], IssuedApiKeyView] = lambda issued: issued_view(issued, services.clock())  # noqa: E731
        once = await read_once(request, idempotency_key, show, without=_SHOWN_ONCE)
        result = await services.api_keys.create(request.auth, unwrap(data.to_command()), once)
        return answer_creation(result, show)

    @get(summary="List API keys", operation_id="listApiKeys")
    async def list(  # noqa: PLR0913 - a filter each
        self,
        request: StrictRequest,
        services: NamedDependency[Services],
        *,
        project_id: Annotated[str | None, QueryParameter(max_length=64, description="Only this project's.")] = None,
        user_id: Annotated[
            str | None, QueryParameter(max_length=64, description="Only those bound to this user.")
        ] = None,
        mode: Annotated[Mode | None, QueryParameter(description="Only this mode's.")] = None,
        status: Annotated[Status | None, QueryParameter(description="Only those that are this now.")] = None,
        text: Annotated[
            str | None,
            QueryParameter(
                min_length=1,
                max_length=100,
                description="Only those with words that begin like these in name, description or last four.",
            ),
        ] = None,
        expiring_before: Annotated[
            Instant | None,
            QueryParameter(description="Only those that work and expire before then; the next to expire first."),
        ] = None,
        unused_since: Annotated[
            Instant | None,
            QueryParameter(description="Only those that work and were not used since then; the longest unused first."),
        ] = None,
        limit: Limit = DEFAULT_PAGE,
        cursor: Cursor = None,
    ) -> List[ApiKeyView]:
        """List the organization's keys, the newest first unless a filter says otherwise.

        Needs `api-keys:read`; who holds it in single projects alone sees the keys of those.
        """
        wanted = ApiKeyFilter(
            project_id=project_id,
            user_id=user_id,
            mode=mode,
            status=status,
            text=text,
            expiring_before=unwrap(moment("expiring_before", expiring_before)),
            unused_since=unwrap(moment("unused_since", unused_since)),
        )
        listing = unwrap(await services.api_keys.list(request.auth, wanted, Paging(limit, cursor)))
        now = services.clock()
        return to_list(listing, lambda key: view(key, now))

    @get("/{api_key_id:str}", summary="Show an API key", operation_id="getApiKey")
    async def show(
        self, request: StrictRequest, services: NamedDependency[Services], api_key_id: FromPath[str]
    ) -> ShownApiKeyView:
        """Show one key, with the scopes that it used in the last 30 days. Needs `api-keys:read`."""
        return shown_view(unwrap(await services.api_keys.get(request.auth, api_key_id)), services.clock())

    @patch("/{api_key_id:str}", summary="Change an API key", operation_id="changeApiKey")
    async def change(
        self,
        request: StrictRequest,
        services: NamedDependency[Services],
        api_key_id: FromPath[str],
        data: JSONBody[ChangeApiKeyBody],
    ) -> ApiKeyView:
        """Change a key that works; in force before this answer is sent.

        Needs `api-keys:write`, and `users:write` for a key that is bound to somebody else.
        """
        key = unwrap(await services.api_keys.change(request.auth, api_key_id, unwrap(data.to_command())))
        return view(key, services.clock())

    @post(
        "/{api_key_id:str}/rotate",
        summary="Rotate an API key",
        operation_id="rotateApiKey",
        response_headers=REPLAY_HEADERS,
    )
    async def rotate(
        self,
        request: StrictRequest,
        services: NamedDependency[Services],
        api_key_id: FromPath[str],
        data: JSONBody[RotateApiKeyBody],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[RotatedApiKeyView]:
        """Make a successor with the same rights. Both keys work until the overlap ends, and the old one with it.

        The answer holds the new secret, and says when and from where the old key was last used. The calling credential
        must hold what the key holds, and so must the user whom the key is bound to, if any; the successor is bound to
        the same. Needs `api-keys:write`, and `users:write` for a key that is bound to somebody else.
        """
        show: Callable[[Rotated], RotatedApiKeyView] = lambda rotated: rotated_view(rotated, services.clock())  # noqa: E731
        once = await read_once(request, idempotency_key, show, without=_SHOWN_ONCE)
        result = await services.api_keys.rotate(request.auth, api_key_id, unwrap(data.to_command()), once)
        return answer_creation(result, show)

    @post("/{api_key_id:str}/revoke", summary="Revoke an API key", operation_id="revokeApiKey", status_code=200)
    async def revoke(
        self,
        request: StrictRequest,
        services: NamedDependency[Services],
        api_key_id: FromPath[str],
        data: JSONBody[RevokeApiKeyBody],
    ) -> ApiKeyView:
        """End a key at once and for good: it is denied before this answer is sent. Needs `api-keys:write`."""
        key = unwrap(await services.api_keys.revoke(request.auth, api_key_id, data.reason))
        return view(key, services.clock())
