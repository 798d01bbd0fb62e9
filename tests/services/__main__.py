"""Find or install every service that tests need, and say how that went.

What can't be had is no failure here: the tests that need it are skipped, and say so.
"""

from tests.services.catalogue import SERVICES
from tests.services.service import Service


def prepare(service: Service) -> str:
    """Return one line on where ``service`` is, installing it if it is nowhere."""
    where = service.find()
    if where is not None:
        return f"found in {where}"
    print(f"{service.name}: installing", flush=True)
    obstacle = service.install()
    where = service.find()
    if where is not None:
        return f"installed in {where}"
    return f"missing, so tests that need it are skipped ({obstacle or 'installed, but its programs are nowhere'})"


if __name__ == "__main__":
    for each in SERVICES.values():
        print(f"{each.name}: {prepare(each)}", flush=True)
