"""Roles: look, and create, change and delete custom ones."""

from typing import Final

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from wayvo.core.access.grants import Access
from wayvo.core.access.permissions import OWN_AUDIENCE, ROLES_READ, ROLES_WRITE
from wayvo.core.access.roles import BUILT_IN, Role, folded
from wayvo.core.actor import Actor
from wayvo.core.change import Change
from wayvo.core.errors import BuiltInRole, InvalidField, NotFound, Problem, RoleInUse, RoleNameTaken, TooMany, invalid
from wayvo.services.access import refuse_access, refuse_giving
from wayvo.services.authority import confirm
from wayvo.services.draw import Draw
from wayvo.services.lists import Lister, Listing, Paging
from wayvo.services.once import Once, Repeated, find_earlier, keep
from wayvo.store import roles
from wayvo.store.database import Database, Transaction

MAX_ROLES: Final = 200
_FIELD: Final = "permissions"


class CreateRole(msgspec.Struct, frozen=True, kw_only=True):
    """A custom role to make. ``access`` is for the audiences of other APIs than Wayvo's own."""

    name: str
    description: str = ""
    permissions: tuple[str, ...]
    access: Access = {}


class ChangeRole(msgspec.Struct, frozen=True, kw_only=True):
    """What to change; what is unset stays."""

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    permissions: tuple[str, ...] | UnsetType = UNSET
    access: Access | UnsetType = UNSET


class Roles:
    """The built-in roles, and the custom ones of the actor's organization."""

    def __init__(self, database: Database, lister: Lister, draw: Draw) -> None:
        self._database = database
        self._lister = lister
        self._draw = draw

    async def get(self, actor: Actor, role_id: str) -> Role | Problem:
        """Return one role."""
        if problem := actor.lacks(ROLES_READ):
            return problem
        role = await self._database.read(lambda connection: roles.get(connection, actor.organization_id, role_id))
        return role or _no_such_role()

    async def list(self, actor: Actor, paging: Paging) -> Listing[Role] | Problem:
        """Return a page of roles, the built-in ones before the custom ones."""
        if problem := actor.lacks(ROLES_READ):
            return problem
        return await self._lister.page(
            actor,
            paging,
            "roles",
            None,
            lambda connection, after, limit: roles.page(connection, actor.organization_id, after, limit),
        )

    async def create(self, actor: Actor, command: CreateRole, once: Once | None) -> Role | Repeated | Problem:
        """Make a role that allows no more than the actor holds."""
        if problem := actor.lacks(ROLES_WRITE):
            return problem
        now = self._draw.clock()
        happening = self._draw.happening(actor, now)
        access = _merged(command.permissions, command.access)
        if isinstance(access, Problem):
            return access
        role = Role(
            id=self._draw.new_id("rol", now),
            organization_id=actor.organization_id,
            name=command.name,
            description=command.description,
            access=access,
            created_at=now,
        )

        def job(transaction: Transaction) -> Role | Repeated | Problem:
            connection = transaction.connection
            giver = confirm(connection, actor, ROLES_WRITE)
            if isinstance(giver, Problem):
                return giver
            if earlier := find_earlier(connection, actor, once, now):
                return earlier
            if problem := refuse_access(connection, giver, {}, access, own_field=_FIELD):
                return problem
            if roles.count(connection, actor.organization_id) >= MAX_ROLES:
                return TooMany(f"An organization has at most {MAX_ROLES} custom roles. Delete one that is not in use.")
            if _is_taken(transaction, actor, role):
                return _name_taken()
            if earlier := keep(connection, actor, once, role, now):
                return earlier
            roles.insert(connection, role)
            transaction.announce(Change("role", role.id, now))
            transaction.record(happening.event("role.create", "role", role.id, None, role))
            return role

        return await self._database.write(job)

    async def change(self, actor: Actor, role_id: str, command: ChangeRole) -> Role | Problem:
        """Change a custom role. The actor must hold what it allows, before and after: nobody lifts themselves."""
        if problem := actor.lacks(ROLES_WRITE):
            return problem
        now = self._draw.clock()
        happening = self._draw.happening(actor, now)

        def job(transaction: Transaction) -> Role | Problem:
            connection = transaction.connection
            giver = confirm(connection, actor, ROLES_WRITE)
            if isinstance(giver, Problem):
                return giver
            role = _custom(transaction, actor, role_id)
            if isinstance(role, Problem):
                return role
            changed = _changed(role, command)
            if isinstance(changed, Problem):
                return changed
            if problem := refuse_giving(connection, giver, role.access) or refuse_access(
                connection, giver, role.access, changed.access, own_field=_FIELD
            ):
                return problem
            if changed == role:
                return role
            if _is_taken(transaction, actor, changed):
                return _name_taken()
            roles.update(connection, changed)
            transaction.announce(Change("role", role_id, now))
            transaction.record(happening.event("role.change", "role", role_id, role, changed))
            return changed

        return await self._database.write(job)

    async def delete(self, actor: Actor, role_id: str) -> Role | Problem:
        """Delete a custom role that nobody has."""
        if problem := actor.lacks(ROLES_WRITE):
            return problem
        now = self._draw.clock()
        happening = self._draw.happening(actor, now)

        def job(transaction: Transaction) -> Role | Problem:
            connection = transaction.connection
            giver = confirm(connection, actor, ROLES_WRITE)
            if isinstance(giver, Problem):
                return giver
            role = _custom(transaction, actor, role_id)
            if isinstance(role, Problem):
                return role
            if problem := refuse_giving(connection, giver, role.access):
                return problem
            if roles.is_in_use(connection, actor.organization_id, role_id, now):
                return RoleInUse("A member, a project's member or an open invitation has this role.")
            roles.delete(connection, actor.organization_id, role_id)
            transaction.announce(Change("role", role_id, now))
            transaction.record(happening.event("role.delete", "role", role_id, role, None))
            return role

        return await self._database.write(job)


def _no_such_role() -> NotFound:
    return NotFound("There is no such role in this organization.")


def _name_taken() -> RoleNameTaken:
    return RoleNameTaken("Another role has this name.")


def _custom(transaction: Transaction, actor: Actor, role_id: str) -> Role | Problem:
    role = roles.get(transaction.connection, actor.organization_id, role_id)
    if role is None:
        return _no_such_role()
    if role.is_built_in:
        return BuiltInRole("A built-in role is as this version of Wayvo makes it. Make a custom one.")
    return role


def _is_taken(transaction: Transaction, actor: Actor, role: Role) -> bool:
    """Say whether another role has the name, or one that passes for it; a custom one is no built-in one either."""
    others = roles.names(transaction.connection, actor.organization_id)
    others.pop(role.id, None)
    return folded(role.name) in {*BUILT_IN, *map(folded, others.values())}


def _merged(permissions: tuple[str, ...], access: Access) -> Access | InvalidField:
    if OWN_AUDIENCE in access:
        return invalid("access", f"is for other APIs; {_FIELD} says what is allowed on {OWN_AUDIENCE}")
    wanted = {**access, OWN_AUDIENCE: permissions}
    return {audience: tuple(sorted(set(patterns))) for audience, patterns in sorted(wanted.items()) if patterns}


def _changed(role: Role, command: ChangeRole) -> Role | InvalidField:
    permissions = role.access.get(OWN_AUDIENCE, ()) if command.permissions is UNSET else command.permissions
    others = {audience: patterns for audience, patterns in role.access.items() if audience != OWN_AUDIENCE}
    access = _merged(permissions, others if command.access is UNSET else command.access)
    if isinstance(access, Problem):
        return access
    return replace(
        role,
        name=role.name if command.name is UNSET else command.name,
        description=role.description if command.description is UNSET else command.description,
        access=access,
    )
