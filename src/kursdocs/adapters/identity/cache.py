"""What is remembered of the provider, and for how long."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from kursdocs.core.ports import SignInRefused, SignInUnavailable

_T = TypeVar("_T")

_STALE_RETRY_SECONDS = 60.0


class Cached(Generic[_T]):
    """One loaded value. Whoever asks while it is being loaded shares that attempt's outcome."""

    def __init__(
        self, load: Callable[[], Awaitable[_T]], fresh_seconds: float, now: Callable[[], float]
    ) -> None:
        self._load = load
        self._fresh_seconds = fresh_seconds
        self._now = now
        self._lock = asyncio.Lock()
        self._value: _T | None = None
        self._due = 0.0
        self._forced_at: float | None = None
        self._attempts = 0
        self._failure: Exception | None = None

    async def get(self) -> _T:
        """The value; an old one rather than none when the provider is down."""
        if self._value is not None and self._now() < self._due:
            return self._value
        try:
            return await self.reload()
        except SignInUnavailable:
            if self._value is None:
                raise
            self._due = self._now() + _STALE_RETRY_SECONDS
            return self._value

    async def reload(self) -> _T:
        """Load now, or wait for the load that is already going on."""
        attempts = self._attempts
        async with self._lock:
            if self._attempts == attempts:
                await self._attempt()
            if self._failure is not None:
                raise self._failure
            if self._value is None:
                raise SignInUnavailable
            return self._value

    async def reload_if_allowed(self, pause_seconds: float) -> bool:
        """Load now unless this was already done within ``pause_seconds``; was it?"""
        forced_at = self._forced_at
        if forced_at is not None and 0 <= self._now() - forced_at < pause_seconds:
            return False
        self._forced_at = self._now()
        await self.reload()
        return True

    async def _attempt(self) -> None:
        self._failure = None
        try:
            self._value = await self._load()
            self._due = self._now() + self._fresh_seconds
        except (SignInUnavailable, SignInRefused) as failure:
            self._failure = failure
        self._attempts += 1
