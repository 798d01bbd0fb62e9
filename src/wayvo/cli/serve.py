"""``wayvo serve``."""

from wayvo.cli import serving
from wayvo.cli.server_options import BehindProxy, Bind, DataDir, TlsCert, TlsKey, Workers, read_settings


def command(
    bind: Bind = None,
    data_dir: DataDir = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    behind_proxy: BehindProxy = None,
    workers: Workers = None,
) -> None:
    """Serve the API, until SIGTERM or Ctrl-C. SIGHUP reads a renewed certificate.

    On SQLite the database is brought to this version's schema first; on PostgreSQL that is `wayvo migrate`'s part.
    """
    settings = read_settings(
        bind=bind,
        data_dir=data_dir,
        tls_cert=tls_cert,
        tls_key=tls_key,
        behind_proxy=behind_proxy,
        workers=workers,
    )
    serving.run(settings)
