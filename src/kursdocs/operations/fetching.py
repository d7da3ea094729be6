"""Reading many objects, of which one that the store never hands out must not stop the others.

A store that answers an error for one name says the same as one that is down: :class:`Fetching`
tells them apart. It knows nothing of documents and keys.
"""

import random
import time
from collections import deque
from collections.abc import Collection

from kursdocs.core.ports import ObjectMissing, ObjectStore, StoreUnavailable, Tampered

PAUSE_SECONDS = 1.0
"""A server that has just been started answers before it knows where all of its objects are."""

_OTHERS = 3


class Fetching:
    """Fetches objects of ``store``; ``names`` are some that it should have. For many threads."""

    def __init__(self, store: ObjectStore, names: Collection[str]) -> None:
        self._store = store
        chosen = random.sample(list(names), min(_OTHERS + 1, len(names)))
        # The newest that was handed out stands last.
        self._others: deque[str] = deque(chosen, maxlen=_OTHERS + 1)

    def get(self, name: str) -> bytes:
        """The stored bytes.

        Raises ``ObjectMissing``; ``Tampered`` also when the store never hands this one out although
        it hands out others; ``StoreUnavailable`` when it hands out nothing.
        """
        try:
            found = self._store.get(name)
        except StoreUnavailable:
            found = self._once_more(name)
        self._others.append(name)
        return found

    def _once_more(self, name: str) -> bytes:
        self._store.check()
        time.sleep(PAUSE_SECONDS)
        try:
            return self._store.get(name)
        except StoreUnavailable as error:
            if not self._hands_out_others(name):
                raise
            raise Tampered("the store never hands out this object") from error

    def _hands_out_others(self, name: str) -> bool:
        """Where there is no other, it is enough that the store is there."""
        asked = 0
        for other in reversed(dict.fromkeys(self._others.copy())):
            if other == name or asked == _OTHERS:
                continue
            try:
                self._store.get(other)
            except ObjectMissing:
                continue  # it has ended since
            except StoreUnavailable:
                asked += 1
            except Tampered:
                return True
            else:
                return True
        if not asked:
            self._store.check()
        return not asked
