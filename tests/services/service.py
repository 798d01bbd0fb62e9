"""What tests know of a service that they need beside Python."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Service:
    """A service.

    ``find`` returns where its programs are, or None. ``install`` tries to bring them; it returns what stood in the way.
    """

    name: str
    find: Callable[[], str | None]
    install: Callable[[], str | None]
