"""Engines that share what they compiled: a test opens many, and SQL is dearer to make than to run.

What SQLAlchemy makes of a statement depends on the statement and the dialect alone. Connections,
pools and locks remain each engine's own.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import sqlalchemy as sa


@contextmanager
def sharing_compiled_statements() -> Iterator[None]:
    """As long as the block lasts, an engine knows the statements of all before it of its kind."""
    first: dict[str, sa.Engine] = {}
    compiled: dict[Any, Any] = {}
    create = sa.create_engine

    def create_sharing(url: sa.URL | str, **options: Any) -> sa.Engine:
        engine = create(url, execution_options={"compiled_cache": compiled}, **options)
        known = first.setdefault(engine.dialect.name, engine).dialect
        if known.server_version_info is None:  # has never been connected: knows no server yet
            first[engine.dialect.name] = engine
        else:
            engine.dialect = known
        return engine

    with mock.patch.object(sa, "create_engine", create_sharing):
        yield
