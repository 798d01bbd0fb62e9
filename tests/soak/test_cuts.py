"""Every request of the catalogue, cut in two at every byte, on both ways."""

from pathlib import Path
from typing import Final

import pytest

from tests.lane.catalogue import Keys, requests
from tests.lane.connection import Connection, exchange
from tests.lane.ways import all_ways
from tests.wire.doors import Doors

MOST_BYTES: Final = 4_000
"""Of a longer request every cut in its first and last part is tried."""


@pytest.mark.soak
@pytest.mark.parametrize("way", ["cut", "asgi_cut"])
def test_no_cut_changes_an_answer(tmp_path: Path, way: str) -> None:
    doors = Doors(tmp_path / "server")
    differing = set()
    with doors.server:
        doors.open()
        catalogue = requests(Keys(doors))
        with all_ways(doors.server, tmp_path) as ways:
            port = getattr(ways, way)
            for name, request in catalogue.items():
                ways.cuts.positions = ()
                exchange(port, request)
                whole, is_ended = exchange(port, request)
                connection = Connection(port)
                for position in _positions(len(request)):
                    ways.cuts.positions = (position,)
                    answer = connection.ask(request).constant
                    if is_ended:
                        connection.socket.close()
                        connection = Connection(port)
                    if answer != whole:
                        differing.add((name, position))
                connection.socket.close()
    assert differing == set()


def _positions(length: int) -> list[int]:
    half = min(length, MOST_BYTES) // 2
    return sorted({*range(1, half + 1), *range(max(1, length - half), length)})
