"""Every service that a test may need."""

from tests.services.postgresql import POSTGRESQL
from tests.services.service import Service

SERVICES: dict[str, Service] = {service.name: service for service in (POSTGRESQL,)}
