"""API keys: create, look, change, rotate, revoke."""

from typing import Protocol

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection

from wayvo.core.access.grants import Access
from wayvo.core.access.permissions import API_KEYS_READ, API_KEYS_WRITE
from wayvo.core.actor import Actor
from wayvo.core.change import Change
from wayvo.core.credentials.api_key import ApiKey, Issued, check_expiry, ended, rotate
from wayvo.core.credentials.digest import Digester
from wayvo.core.credentials.format import Mode, key_prefix, last_four
from wayvo.core.errors import Problem, ProjectArchived
from wayvo.core.networks import canonical_networks
from wayvo.services.access import merge_scopes, refuse_access, refuse_giving, refuse_new_key
from wayvo.services.api_key_changes import ChangeApiKey, changed_key
from wayvo.services.authority import present
from wayvo.services.bound_keys import permitted, permitted_secret, place_of, place_of_new, refuse_user
from wayvo.services.draw import Draw
from wayvo.services.lists import Lister, Listing, Paging
from wayvo.services.once import Once, Repeated, find_earlier, keep
from wayvo.services.scopes_used import NotedScopeUses, ScopeUse, scopes_used
from wayvo.store import api_keys, projects
from wayvo.store.api_keys import ApiKeyFilter
from wayvo.store.database import Database, Transaction


class LastUses(Protocol):
    """Uses that are noted but not stored yet."""

    def last_use(self, credential_id: str) -> tuple[int, str | None] | None:
        """Return a credential's as (instant, address)."""
        ...


class CreateApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key to make. ``project_id`` ``None``: the actor's own project.

    ``user_id`` ``None``: it speaks for the project's service account, whoever makes it.
    """

    name: str
    description: str = ""
    project_id: str | None = None
    user_id: str | None = None
    mode: Mode = Mode.LIVE
    access: Access | None = None
    scopes: tuple[str, ...] | None = None
    expires_at: int | None = None
    allowed_networks: tuple[str, ...] = ()
    metadata: dict[str, str] = {}


class RotateApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """How long both keys work, and when the successor expires (``None``: as long as its predecessor was made for)."""

    overlap_seconds: int
    expires_at: int | None = None


class Shown(msgspec.Struct, frozen=True):
    """A key, and the scopes that it has really used of late."""

    key: ApiKey
    scopes_used: tuple[ScopeUse, ...]


class Rotated(msgspec.Struct, frozen=True):
    """The successor with its secret, and the predecessor as it is now."""

    issued: Issued
    predecessor: ApiKey


class ApiKeys:
    """The API keys of the actor's organization."""

    def __init__(
        self,
        database: Database,
        lister: Lister,
        draw: Draw,
        digester: Digester,
        uses: LastUses,
        scope_uses: NotedScopeUses,
    ) -> None:
        self._database = database
        self._lister = lister
        self._draw = draw
        self._digester = digester
        self._uses = uses
        self._scope_uses = scope_uses

    async def create(self, actor: Actor, command: CreateApiKey, once: Once | None) -> Issued | Repeated | Problem:
        """Make a key that holds nothing but what was named."""
        project_id = actor.project_id if command.project_id is None else command.project_id
        if problem := actor.lacks(API_KEYS_WRITE, project_id) or refuse_user(actor, command.user_id):
            return problem
        now = self._draw.clock()
        access = merge_scopes(command.access, command.scopes)
        networks = canonical_networks(command.allowed_networks)
        if isinstance(access, Problem):
            return access
        if isinstance(networks, Problem):
            return networks
        secret = self._draw.new_secret(command.mode)
        issued = Issued(
            ApiKey(
                id=self._draw.new_id("key", now),
                organization_id=actor.organization_id,
                project_id=project_id,
                name=command.name,
                description=command.description,
                mode=command.mode,
                access=access,
                allowed_networks=networks,
                metadata=command.metadata,
                prefix=key_prefix(self._draw.brand, command.mode),
                last_four=last_four(secret),
                created_at=now,
                created_by=actor.credential_id,
                expires_at=command.expires_at,
                user_id=command.user_id,
            ),
            secret,
        )
        digest = self._digester(secret.encode())
        happening = self._draw.happening(actor, now)

        def job(transaction: Transaction) -> Issued | Repeated | Problem:
            connection = transaction.connection
            giver = present(connection, actor)
            if refusal := giver.lacks(API_KEYS_WRITE, project_id) or refuse_user(giver, command.user_id):
                return refusal
            if earlier := find_earlier(connection, actor, once, now):
                return earlier
            # Not before: a repeated request is answered as the first was, though its expiry may be past by now.
            if refusal := check_expiry(command.expires_at, now):
                return refusal
            project = projects.get_to_add_to(connection, actor.organization_id, issued.key.project_id)
            place = refuse_new_key(project) or place_of_new(connection, issued.key)
            if isinstance(place, Problem):
                return place
            if problem := refuse_access(connection, giver, {}, access, place):
                return problem
            if earlier := keep(connection, actor, once, issued, now):
                return earlier
            api_keys.insert(connection, issued.key, digest, self._digester.fingerprint)
            transaction.record(happening.event("api_key.create", "api_key", issued.key.id, None, issued.key))
            transaction.announce(Change("credential", digest.hex(), now))
            return issued

        return await self._database.write(job)

    async def get(self, actor: Actor, key_id: str) -> Shown | Problem:
        """Return one key, with the scopes it used in the last 30 days."""
        if problem := actor.lacks_everywhere(API_KEYS_READ):
            return problem
        now = self._draw.clock()
        # Not in the query: that runs on a thread of its own, beside who notes.
        noted = self._scope_uses.of(key_id)

        def query(connection: Connection) -> tuple[ApiKey | None, tuple[ScopeUse, ...]]:
            key = api_keys.get(connection, actor.organization_id, key_id)
            return key, () if key is None else scopes_used(connection, key_id, noted, now)

        found, used = await self._database.read(query)
        key = permitted(actor, found, API_KEYS_READ)
        return key if isinstance(key, Problem) else Shown(self._with_last_use(key), used)

    async def list(self, actor: Actor, wanted: ApiKeyFilter, paging: Paging) -> Listing[ApiKey] | Problem:
        """Return a page of the keys that ``wanted`` describes, of those that the actor may see."""
        if problem := actor.lacks_everywhere(API_KEYS_READ):
            return problem
        projects_seen = actor.projects_with(API_KEYS_READ)
        seen = wanted if projects_seen is None else replace(wanted, seen_in=tuple(sorted(projects_seen)))
        now = self._draw.clock()
        listing = await self._lister.page(
            actor,
            paging,
            "api-keys",
            seen,
            lambda connection, after, limit: api_keys.page(
                connection, actor.organization_id, seen, now_us=now, after=after, limit=limit
            ),
        )
        if isinstance(listing, Problem):
            return listing
        return Listing(tuple(self._with_last_use(key) for key in listing.rows), listing.next_cursor)

    async def change(self, actor: Actor, key_id: str, command: ChangeApiKey) -> ApiKey | Problem:
        """Change a key that works. What is added to its access the actor must hold, and the user it is bound to."""
        if problem := actor.lacks_everywhere(API_KEYS_WRITE):
            return problem
        now = self._draw.clock()
        happening = self._draw.happening(actor, now)

        def job(transaction: Transaction) -> ApiKey | Problem:
            connection = transaction.connection
            giver = present(connection, actor)
            key = permitted_secret(giver, api_keys.get_for_update(connection, actor.organization_id, key_id))
            if isinstance(key, Problem):
                return key
            changed = ended(key, now) or changed_key(key, command, now)
            if isinstance(changed, Problem):
                return changed
            place = place_of(connection, key)
            if isinstance(place, Problem):
                return place
            if changed.access != key.access and (
                problem := refuse_access(connection, giver, key.access, changed.access, place)
            ):
                return problem
            if changed == key:
                return key
            api_keys.update(connection, key, changed)
            transaction.record(happening.event("api_key.change", "api_key", key_id, key, changed))
            transaction.announce(Change("credential", api_keys.digest_of(connection, key_id).hex(), now))
            return changed

        changed = await self._database.write(job)
        return changed if isinstance(changed, Problem) else self._with_last_use(changed)

    async def rotate(
        self, actor: Actor, key_id: str, command: RotateApiKey, once: Once | None
    ) -> Rotated | Repeated | Problem:
        """Make a successor with the same rights, and let the key end with the overlap.

        Who rotates gets to know a secret with all of the key's rights, and so must hold them.
        """
        if problem := actor.lacks_everywhere(API_KEYS_WRITE):
            return problem
        now = self._draw.clock()
        successor_id = self._draw.new_id("key", now)
        secrets = {mode: self._draw.new_secret(mode) for mode in Mode}
        happening = self._draw.happening(actor, now)

        def job(transaction: Transaction) -> Rotated | Repeated | Problem:
            connection = transaction.connection
            giver = present(connection, actor)
            key = permitted_secret(giver, api_keys.get_for_update(connection, actor.organization_id, key_id))
            if isinstance(key, Problem):
                return key
            # Not before the lock: a duplicate that waited there has to see what the first has done.
            if earlier := find_earlier(connection, actor, once, now):
                return earlier
            project = projects.get_to_add_to(connection, actor.organization_id, key.project_id)
            if project is None or project.archived_at is not None:
                return ProjectArchived("The keys of an archived project have ended.")
            rotation = rotate(key, now, command.overlap_seconds, command.expires_at)
            if isinstance(rotation, Problem):
                return rotation
            place = place_of(connection, key)
            if isinstance(place, Problem):
                return place
            if problem := refuse_giving(connection, giver, key.access, place):
                return problem
            secret = secrets[key.mode]
            successor = replace(
                key,
                id=successor_id,
                prefix=key_prefix(self._draw.brand, key.mode),
                last_four=last_four(secret),
                created_at=now,
                created_by=actor.credential_id,
                expires_at=rotation.successor_expires_at,
                last_used_at=None,
                last_used_network=None,
                predecessor_id=key.id,
            )
            predecessor = replace(key, expires_at=rotation.predecessor_expires_at, successor_id=successor_id)
            rotated = Rotated(Issued(successor, secret), self._with_last_use(predecessor))
            if earlier := keep(connection, actor, once, rotated, now):
                return earlier
            digest = self._digester(secret.encode())
            api_keys.update(connection, key, predecessor)
            api_keys.insert(connection, successor, digest, self._digester.fingerprint)
            event = happening.event("api_key.rotate", "api_key", key_id, key, predecessor)
            transaction.record(replace(event, after={**(event.after or {}), "successor": successor}))
            transaction.announce(Change("credential", digest.hex(), now))
            transaction.announce(Change("credential", api_keys.digest_of(connection, key_id).hex(), now))
            return rotated

        return await self._database.write(job)

    async def revoke(self, actor: Actor, key_id: str, reason: str | None) -> ApiKey | Problem:
        """End a key at once and for good; a second time changes nothing."""
        if problem := actor.lacks_everywhere(API_KEYS_WRITE):
            return problem
        now = self._draw.clock()
        happening = self._draw.happening(actor, now)

        def job(transaction: Transaction) -> ApiKey | Problem:
            connection = transaction.connection
            key = permitted(actor, api_keys.get_for_update(connection, actor.organization_id, key_id), API_KEYS_WRITE)
            if isinstance(key, Problem):
                return key
            if key.revoked_at is not None:
                return key
            revoked = replace(key, revoked_at=now, revocation_reason=reason)
            api_keys.update(connection, key, revoked)
            transaction.record(happening.event("api_key.revoke", "api_key", key_id, key, revoked))
            transaction.announce(Change("credential", api_keys.digest_of(connection, key_id).hex(), now))
            return revoked

        revoked = await self._database.write(job)
        return revoked if isinstance(revoked, Problem) else self._with_last_use(revoked)

    def _with_last_use(self, key: ApiKey) -> ApiKey:
        use = self._uses.last_use(key.id)
        if use is None or (key.last_used_at is not None and key.last_used_at >= use[0]):
            return key
        return replace(key, last_used_at=use[0], last_used_network=use[1])
