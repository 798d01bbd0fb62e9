"""The schema, in portable types only: the same migrations build it on SQLite and on PostgreSQL.

Instants are integer microseconds UTC. Ids and digests compare by their bytes on both engines. Every index stands beside
the question that it answers.
"""

from wayvo.store.tables.api_keys import api_key_words, api_keys, idempotency_keys, key_formats, scope_uses
from wayvo.store.tables.apis import apis
from wayvo.store.tables.audit import audit_chains, audit_events
from wayvo.store.tables.installation import installation, key_brands, last_batches, outbox
from wayvo.store.tables.organizations import (
    invitations,
    members,
    organizations,
    project_members,
    projects,
    roles,
    users,
)
from wayvo.store.tables.types import metadata

__all__ = [
    "api_key_words",
    "api_keys",
    "apis",
    "audit_chains",
    "audit_events",
    "idempotency_keys",
    "installation",
    "invitations",
    "key_brands",
    "key_formats",
    "last_batches",
    "members",
    "metadata",
    "organizations",
    "outbox",
    "project_members",
    "projects",
    "roles",
    "scope_uses",
    "users",
]
