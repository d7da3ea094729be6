"""Installations on both combinations of real parts, as the tests of the operations have them."""

from tests.operations.conftest import (  # noqa: F401 - fixtures
    _migrated_folder,
    _provider,
    _server_settings,
    _warm_parts,
    at_servers,
    clock,
    embedded,
    embedded_settings,
    house,
    papers,
    post,
    server_settings,
    settings,
)
