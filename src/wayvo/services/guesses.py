"""How often a user's password may be tried: whoever may invite makes a new link for every few guesses."""

from collections import OrderedDict
from typing import Final

from wayvo.core.instants import DAY_US

MAX_A_DAY: Final = 20
_REMEMBERED: Final = 10_000


class PasswordGuesses:
    """Counts them on one node, by the password's hash: who is given another password begins anew.

    A guess is taken before it is checked: those that come at once are no more than the others.
    """

    def __init__(self) -> None:
        self._counted: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def take(self, password_hash: str, now_us: int) -> bool:
        """Take a guess; return ``False`` if there is none left within a day of the first."""
        since, count = self._counted.pop(password_hash, (now_us, 0))
        if now_us - since >= DAY_US:
            since, count = now_us, 0
        is_left = count < MAX_A_DAY
        self._counted[password_hash] = (since, count + is_left)
        if len(self._counted) > _REMEMBERED:
            self._counted.popitem(last=False)
        return is_left

    def give_back(self, password_hash: str) -> None:
        """Give a guess back that was right, or was not looked at."""
        if (counted := self._counted.get(password_hash)) is not None:
            self._counted[password_hash] = (counted[0], max(0, counted[1] - 1))
