"""What a server listens with: its sockets, and a certificate that can be renewed while it serves.

Both are made before the database is opened: a server that can't listen founds nothing and shows no key.
"""

import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from wayvo.settings import Bind, SettingError


@contextmanager
def open_sockets(bind: Bind) -> Iterator[list[socket.socket]]:
    """Take every address of ``bind``'s host. Nobody can connect until a server listens on the sockets."""
    with ExitStack() as stack:
        sockets = []
        try:
            for family, kind, protocol, _, address in socket.getaddrinfo(
                bind.host, bind.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            ):
                taken = stack.enter_context(socket.socket(family, kind, protocol))
                taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                taken.bind(address)
                sockets.append(taken)
        except OSError as error:
            raise cannot_listen(bind, error) from error
        yield sockets


def cannot_listen(bind: Bind, error: OSError) -> SettingError:
    """Return what to tell a person when ``bind`` can't be had."""
    return SettingError(
        "WAYVO_BIND",
        f"is {bind}, where this process can't listen: {error.strerror}",
        "Stop what listens there, or choose another address with --bind.",
    )


def read_certificate(cert: Path, key: Path) -> ssl.SSLContext:
    """Return a context with the certificate chain and its key; refuse a pair that no client could use."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # An encrypted key would make OpenSSL ask on the terminal, and wait: it gets an empty answer instead.
        context.load_cert_chain(cert, key, password="")
    except OSError as error:
        raise SettingError(
            "WAYVO_TLS_CERT",
            f"({cert}) and WAYVO_TLS_KEY ({key}) can't be used: {error.strerror}",
            "Give a certificate chain and its own private key, both PEM, the key not encrypted.",
        ) from error
    return context


def renew_certificate(served: ssl.SSLContext, renewed: ssl.SSLContext) -> None:
    """Let connections from now on get the certificate of ``renewed``; those that are open keep what they have.

    The served context is not loaded anew: it holds a certificate for each kind of key, so an RSA one would go on being
    served beside the ECDSA one that replaces it.
    """

    def present(connection: ssl.SSLObject | ssl.SSLSocket, _server_name: str | None, _served: ssl.SSLContext) -> None:
        connection.context = renewed

    served.sni_callback = present
