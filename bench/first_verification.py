"""How long a server with a large database takes from the start of its process to its first answered verification.

``python -m bench.first_verification FOLDER`` with a folder that ``bench.make_keys`` made; ``made.json`` is what it
printed. The page cache of the machine is warm unless ``--cold`` drops it (as root).
"""

import argparse
import json
import os
import time
from http.client import HTTPConnection
from pathlib import Path

from bench import say, served


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("made", type=Path, help="what bench.make_keys printed")
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--cold", action="store_true")
    options = parser.parse_args()
    made = json.loads(options.made.read_text(encoding="utf-8"))
    for _ in range(options.times):
        if options.cold:
            os.sync()
            Path("/proc/sys/vm/drop_caches").write_text("3", encoding="ascii")
        started = time.perf_counter()
        with served.serving(options.folder) as server:
            code = _verify(server.port, made["api_key"], next(iter(made["secrets_that_work"])))
            elapsed = time.perf_counter() - started
            say(f"{code} after {elapsed:.2f} s, of which {server.seconds_to_listen:.2f} s until it listened")


def _verify(port: int, key: str, credential: str) -> str:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    body = json.dumps({"credential": credential, "ip": "10.1.2.3"})
    connection.request("POST", "/v1/verify", body, {"Authorization": f"Bearer {key}"})
    answer = json.load(connection.getresponse())
    connection.close()
    return str(answer["code"])


if __name__ == "__main__":
    main()
