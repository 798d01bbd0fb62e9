"""All services of an installation, for the doors to choose from."""

from dataclasses import dataclass

from wayvo.core.instants import Clock
from wayvo.services.acceptance import Acceptance
from wayvo.services.api_keys import ApiKeys
from wayvo.services.apis import Apis
from wayvo.services.audit import AuditTrail
from wayvo.services.invitations import Invitations
from wayvo.services.key_imports import KeyImports
from wayvo.services.organizations import Organizations
from wayvo.services.project_members import ProjectMembers
from wayvo.services.projects import Projects
from wayvo.services.roles import Roles
from wayvo.services.users import Users
from wayvo.services.whoami import Whoami


@dataclass(frozen=True, slots=True)
class Services:
    """One of each; ``clock`` is the one that they all go by."""

    acceptance: Acceptance
    api_keys: ApiKeys
    key_imports: KeyImports
    apis: Apis
    invitations: Invitations
    organizations: Organizations
    project_members: ProjectMembers
    audit: AuditTrail
    projects: Projects
    roles: Roles
    users: Users
    whoami: Whoami
    clock: Clock
