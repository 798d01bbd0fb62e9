"""How many connections the system grants this process: each is an open file, and the database's are files too."""

import resource
from typing import Final

RESERVED: Final = 200
"""For listening, the database and its threads, logs, and connections on their way in and out."""

FEWEST: Final = 10


def make_room(connections: int) -> int:
    """Raise the process's limit of open files as far as it may; return how many of ``connections`` it leaves room for.

    Beyond the limit nothing could be opened any more, neither a connection nor the database.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return connections
    # Where the hard limit is no number, the soft one can't be set to it.
    wanted = max(soft, connections + RESERVED) if hard == resource.RLIM_INFINITY else hard
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):
        wanted = soft
    return min(connections, max(FEWEST, wanted - RESERVED))
