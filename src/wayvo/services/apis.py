"""Protected APIs: register, change."""

import re
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from wayvo.core.access.permissions import APIS_READ, APIS_WRITE, OWN_AUDIENCE, VERIFY
from wayvo.core.access.scopes import is_scope
from wayvo.core.actor import Actor
from wayvo.core.change import Change
from wayvo.core.errors import AccessNotHeld, AudienceTaken, BuiltInApi, InvalidField, NotFound, Problem, invalid
from wayvo.core.operations import ApiOperation, faults_in
from wayvo.core.organizations import Api, ApiScope, Visibility
from wayvo.services.authority import present
from wayvo.services.draw import Draw
from wayvo.services.lists import Lister, Listing, Paging
from wayvo.services.once import Once, Repeated, find_earlier, keep
from wayvo.store import apis
from wayvo.store.database import Database, Transaction

# RFC 8707 §2: "The value of the resource parameter ... MUST be an absolute URI ... MUST NOT include a fragment".
_AUDIENCE: Final = re.compile(r"[a-z][a-z0-9+.-]*:[!$-\[\]_a-z~]+")
_RESERVED: Final = "urn:wayvo:"


class RegisterApi(msgspec.Struct, frozen=True, kw_only=True):
    """An API to protect."""

    audience: str
    name: str
    description: str = ""
    scopes: tuple[ApiScope, ...] = ()
    operations: tuple[ApiOperation, ...] = ()
    visibility: Visibility = "private"


class ChangeApi(msgspec.Struct, frozen=True, kw_only=True):
    """What to change; what is unset stays. The audience is the API's name for ever."""

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    scopes: tuple[ApiScope, ...] | UnsetType = UNSET
    operations: tuple[ApiOperation, ...] | UnsetType = UNSET
    visibility: Visibility | UnsetType = UNSET


class Apis:
    """The APIs that the actor's organization sees: its own, and those for the whole installation."""

    def __init__(self, database: Database, lister: Lister, draw: Draw) -> None:
        self._database = database
        self._lister = lister
        self._draw = draw

    async def register(self, actor: Actor, command: RegisterApi, once: Once | None) -> Api | Repeated | Problem:
        """Register an API under an audience that nobody has taken."""
        if problem := actor.lacks(APIS_WRITE) or _refuse_audience(command.audience) or _refuse_scopes(command.scopes):
            return problem
        now = self._draw.clock()
        api = Api(
            id=self._draw.new_id("api", now),
            organization_id=actor.organization_id,
            audience=command.audience,
            name=command.name,
            description=command.description,
            scopes=command.scopes,
            visibility=command.visibility,
            built_in=False,
            created_at=now,
            operations=command.operations,
        )
        if problem := _refuse_operations(api):
            return problem
        happening = self._draw.happening(actor, now)

        def job(transaction: Transaction) -> Api | Repeated | Problem:
            connection = transaction.connection
            if problem := present(connection, actor).lacks(APIS_WRITE):
                return problem
            if earlier := find_earlier(connection, actor, once, now):
                return earlier
            if problem := _refuse_visibility(transaction, actor, command.visibility):
                return problem
            if not apis.insert(connection, api):
                # By a concurrent duplicate of this request, it may be.
                return find_earlier(connection, actor, once, now) or AudienceTaken(
                    "Another API has this audience; it names one API in the whole installation."
                )
            if earlier := keep(connection, actor, once, api, now):
                return earlier
            transaction.record(happening.event("api.register", "api", api.id, None, api))
            transaction.announce(Change("api", api.id, now))
            return api

        return await self._database.write(job)

    async def get(self, actor: Actor, api_id: str) -> Api | Problem:
        """Return one API."""
        if problem := actor.lacks(APIS_READ):
            return problem
        api = await self._database.read(lambda connection: apis.get(connection, actor.organization_id, api_id))
        return api or _no_such_api()

    async def list(self, actor: Actor, paging: Paging) -> Listing[Api] | Problem:
        """Return a page of APIs."""
        if problem := actor.lacks(APIS_READ):
            return problem
        return await self._lister.page(
            actor,
            paging,
            "apis",
            None,
            lambda connection, after, limit: apis.page(connection, actor.organization_id, after, limit),
        )

    async def change(self, actor: Actor, api_id: str, command: ChangeApi) -> Api | Problem:
        """Change an API of the organization. A scope that it no longer declares opens nothing from then on."""
        if problem := actor.lacks(APIS_WRITE):
            return problem
        if command.scopes is not UNSET and (problem := _refuse_scopes(command.scopes)):
            return problem
        now = self._draw.clock()
        happening = self._draw.happening(actor, now)
        fields = {
            name: value
            for name in ("name", "description", "scopes", "operations", "visibility")
            if (value := getattr(command, name)) is not UNSET
        }

        def job(transaction: Transaction) -> Api | Problem:
            connection = transaction.connection
            if problem := present(connection, actor).lacks(APIS_WRITE):
                return problem
            api = apis.get_for_update(connection, actor.organization_id, api_id)
            if api is None:
                return _no_such_api()
            if api.built_in:
                return BuiltInApi("Wayvo's own API is as this version of Wayvo makes it.")
            if api.organization_id != actor.organization_id:
                return AccessNotHeld("The API belongs to another organization.")
            changed = replace(api, **fields)
            if problem := _refuse_visibility(transaction, actor, changed.visibility):
                return problem
            if fault := _refuse_loss(changed) if command.operations is UNSET else _refuse_operations(changed):
                return fault
            if changed == api:
                return api
            apis.update(connection, changed)
            transaction.record(happening.event("api.change", "api", api_id, api, changed))
            transaction.announce(Change("api", api_id, now))
            return changed

        return await self._database.write(job)


def _no_such_api() -> NotFound:
    return NotFound("There is no such API that this organization can see.")


def _refuse_audience(audience: str) -> InvalidField | None:
    if not _AUDIENCE.fullmatch(audience):
        return invalid("audience", "is an absolute URI without a fragment, such as https://api.example.com")
    if audience.startswith(_RESERVED):
        return invalid("audience", f"{_RESERVED} is reserved for Wayvo itself")
    return None


def _refuse_scopes(scopes: tuple[ApiScope, ...]) -> InvalidField | None:
    names: set[str] = set()
    for index, scope in enumerate(scopes):
        field = f"scopes[{index}].name"
        if not is_scope(scope.name):
            return invalid(field, "is noun:verb in lower case, such as invoices:read")
        if scope.name == VERIFY:
            return invalid(field, f"every API has {VERIFY} without declaring it")
        if scope.name in names:
            return invalid(field, "stands twice in the list")
        names.add(scope.name)
    return None


def _refuse_operations(api: Api) -> InvalidField | None:
    for field, message in faults_in(api.operations, api.declared()):
        return invalid(field, message)
    return None


def _refuse_loss(api: Api) -> InvalidField | None:
    """Without a scope that it needs, an operation would be open to nobody, by a slip."""
    declared = api.declared()
    for index, operation in enumerate(api.operations):
        for scope in operation.scopes:
            if scope not in declared:
                return invalid("scopes", f"lacks {scope}, which operations[{index}] needs")
    return None


def _refuse_visibility(transaction: Transaction, actor: Actor, visibility: Visibility) -> AccessNotHeld | None:
    """Only the operator's organization, which owns Wayvo's own API, offers an API to all the others."""
    if visibility == "private":
        return None
    if apis.owner_of(transaction.connection, OWN_AUDIENCE) == actor.organization_id:
        return None
    return AccessNotHeld("Only the operator's organization offers APIs to the whole installation.")
