"""All services of an installation, for the doors to choose from."""

from dataclasses import dataclass

from wayvo.core.instants import Clock
from wayvo.services.api_keys import ApiKeys
from wayvo.services.apis import Apis
from wayvo.services.projects import Projects
from wayvo.services.users import Users
from wayvo.services.whoami import Whoami


@dataclass(frozen=True, slots=True)
class Services:
    """One of each; ``clock`` is the one that they all go by."""

    api_keys: ApiKeys
    apis: Apis
    projects: Projects
    users: Users
    whoami: Whoami
    clock: Clock
