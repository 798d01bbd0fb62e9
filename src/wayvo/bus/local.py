"""The bus of one process: every listener is called at once."""

from collections.abc import Callable

from wayvo.core.change import Change

Listener = Callable[[Change], None]


class LocalBus:
    """Calls its listeners, in the order in which they came, on the event loop."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def subscribe(self, listener: Listener) -> None:
        """Call ``listener`` for every change from now on."""
        self._listeners.append(listener)

    def publish(self, change: Change) -> None:
        """Tell every listener; called after the commit and before its answer."""
        for listener in self._listeners:
            listener(change)
