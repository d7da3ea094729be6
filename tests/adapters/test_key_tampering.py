"""Whatever is done to wrapped keys or sealed papers past the program: nothing of it opens.

On both databases, from a document's key to its bytes, as handing out does it. What holds is the
binding: of a key to its document and its master, of the bytes to their key and document.
"""

import base64
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from kursdocs.adapters.key_store import SqlKeyStore, document_key, master_key
from kursdocs.adapters.master_keys import MasterKeys
from kursdocs.core.ports import ForeignInstance, KeyMissing, KeysUnavailable, Tampered
from kursdocs.operations.sealing import seal, unseal

INSTANCE = UUID("00000000-0000-4000-8000-000000000001")
OTHER_INSTANCE = UUID("00000000-0000-4000-8000-000000000002")
PAPERS = {"a": b"%PDF-1.7 the paper of A", "b": b"%PDF-1.7 the paper of B"}


@dataclass
class Vault:
    """Two papers with their keys, and what an intruder at both stores can reach and change."""

    url: str
    store: SqlKeyStore
    ids: dict[str, UUID]
    sealed: dict[str, bytes]

    def read(self, name: str) -> bytes:
        """As handing out does."""
        return unseal(self.store.get(self.ids[name]), self.ids[name], self.sealed[name])

    def row(self, name: str) -> dict[str, Any]:
        with self.database() as connection:
            chosen = sa.select(document_key).where(document_key.c.document_id == self.ids[name])
            return dict(connection.execute(chosen).one()._mapping)

    def change(self, name: str, **values: object) -> None:
        with self.database() as connection:
            this = document_key.c.document_id == self.ids[name]
            connection.execute(document_key.update().where(this).values(**values))

    def database(self) -> AbstractContextManager[sa.Connection]:
        return sa.create_engine(self.url, poolclass=sa.NullPool).begin()


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    MasterKeys.create(tmp_path / "master.keys")
    return tmp_path / "master.keys"


@pytest.fixture
def vault(keys_url: str, key_file: Path) -> Iterator[Vault]:
    store = SqlKeyStore(keys_url, MasterKeys.load(key_file))
    store.claim(INSTANCE)
    ids = {name: uuid4() for name in PAPERS}
    sealed = {name: seal(store.create(ids[name]), ids[name], PAPERS[name]) for name in PAPERS}
    yield Vault(keys_url, store, ids, sealed)
    store.close()


# --- What an intruder does -----------------------------------------------------------------------


def flip(value: bytes, at: int) -> bytes:
    return bytes(byte ^ (index == at % len(value)) for index, byte in enumerate(value))


def swap_keys(vault: Vault) -> None:
    ours, theirs = vault.row("a")["wrapped_key"], vault.row("b")["wrapped_key"]
    vault.change("a", wrapped_key=theirs)
    vault.change("b", wrapped_key=ours)


def exchange_ids(vault: Vault) -> None:
    """The rows stay whole, and change their documents."""
    between = uuid4()
    for before, after in (("a", between), ("b", vault.ids["a"]), (between, vault.ids["b"])):
        old = vault.ids[before] if isinstance(before, str) else before
        with vault.database() as connection:
            this = document_key.c.document_id == old
            connection.execute(document_key.update().where(this).values(document_id=after))


def key_of_another_installation(vault: Vault) -> None:
    """Wrapped by a stranger's master key for this very document."""
    other = MasterKeys({"theirs": bytes(range(32))})
    vault.change("a", wrapped_key=other.wrap(bytes(32), b"KDK1" + vault.ids["a"].bytes))


def key_of_another_purpose(vault: Vault) -> None:
    """What the master key itself wrapped to prove that it is the right one."""
    with vault.database() as connection:
        proof = connection.execute(sa.select(master_key.c.check_value)).scalar_one()
    vault.change("a", wrapped_key=proof + bytes(60 - len(proof)))


def other_master(vault: Vault) -> None:
    """Said to be wrapped by another master key, which the file has too."""
    vault.store.rotate()
    vault.change("a", master_key_id=vault.store.masters()[0].id)


def master_of_nobody(vault: Vault) -> None:
    with vault.database() as connection:
        connection.execute(master_key.insert().values(id="nobody", check_value=b""))
    vault.change("a", master_key_id="nobody")


def old_version(vault: Vault) -> None:
    """The key that a document of this id had in an earlier life, put back from an old copy."""
    before = vault.row("a")
    vault.store.destroy(vault.ids["a"])
    vault.sealed["a"] = seal(vault.store.create(vault.ids["a"]), vault.ids["a"], PAPERS["a"])
    vault.change("a", wrapped_key=before["wrapped_key"])


def swap_objects(vault: Vault) -> None:
    vault.sealed["a"], vault.sealed["b"] = vault.sealed["b"], vault.sealed["a"]


def swap_everything(vault: Vault) -> None:
    """Key and object of the other document together: they fit each other, but not this id."""
    swap_keys(vault)
    swap_objects(vault)


def change_object(change: Callable[[bytes], bytes]) -> Callable[[Vault], None]:
    def tamper(vault: Vault) -> None:
        vault.sealed["a"] = change(vault.sealed["a"])

    return tamper


def change_key(change: Callable[[bytes], bytes]) -> Callable[[Vault], None]:
    def tamper(vault: Vault) -> None:
        vault.change("a", wrapped_key=change(vault.row("a")["wrapped_key"]))

    return tamper


def sealed_anew(vault: Vault) -> None:
    """By somebody who knows the format and the id, and not the key."""
    vault.sealed["a"] = seal(bytes(32), vault.ids["a"], b"%PDF-1.7 forged")


TAMPERING: dict[str, Callable[[Vault], None]] = {
    "the keys of two documents change places": swap_keys,
    "two rows change their documents": exchange_ids,
    "a bit of the key's nonce": change_key(lambda key: flip(key, 3)),
    "a bit of the wrapped key": change_key(lambda key: flip(key, 30)),
    "a bit of the key's tag": change_key(lambda key: flip(key, -1)),
    "zeros instead of the key": change_key(lambda key: bytes(len(key))),
    "half of the key": change_key(lambda key: key[:30] + bytes(30)),
    "a key wrapped by another installation": key_of_another_installation,
    "a value wrapped for another purpose": key_of_another_purpose,
    "another master key is said to have wrapped it": other_master,
    "a master key that nobody has": master_of_nobody,
    "an older key of the same document": old_version,
    "the objects of two documents change places": swap_objects,
    "object and key of another document together": swap_everything,
    "a bit of the object's head": change_object(lambda sealed: flip(sealed, 1)),
    "a bit of the object": change_object(lambda sealed: flip(sealed, 20)),
    "a bit of the object's tag": change_object(lambda sealed: flip(sealed, -1)),
    "a truncated object": change_object(lambda sealed: sealed[:-1]),
    "an empty object": change_object(lambda _: b""),
    "a longer object": change_object(lambda sealed: sealed + b"\0"),
    "an object sealed with a guessed key": sealed_anew,
}


@pytest.mark.parametrize("tamper", TAMPERING.values(), ids=TAMPERING)
def test_what_was_tampered_with_does_not_open(
    vault: Vault, tamper: Callable[[Vault], None]
) -> None:
    assert vault.read("a") == PAPERS["a"]

    tamper(vault)

    with pytest.raises((Tampered, KeysUnavailable, KeyMissing)):
        vault.read("a")


def test_what_was_tampered_with_is_not_made_good_by_rewrapping(vault: Vault) -> None:
    swap_keys(vault)
    vault.store.rotate()

    assert vault.store.rewrap(None, 10).failed == 2
    for name in PAPERS:
        with pytest.raises(Tampered):
            vault.read(name)


# --- The store as a whole ------------------------------------------------------------------------


def start(vault: Vault, keys: Path, instance: UUID = INSTANCE) -> None:
    store = SqlKeyStore(vault.url, MasterKeys.load(keys))
    try:
        store.claim(instance)
    finally:
        store.close()


def test_nobody_starts_with_the_key_store_of_another_database(vault: Vault, key_file: Path) -> None:
    with pytest.raises(ForeignInstance):
        start(vault, key_file, OTHER_INSTANCE)
    start(vault, key_file)


def test_a_key_store_said_to_be_of_another_installation_does_not_start_there(
    vault: Vault, key_file: Path
) -> None:
    """Its mark alone can be forged; what the master key has proven is bound to the mark."""
    with vault.database() as connection:
        connection.exec_driver_sql("DELETE FROM key_store_info")

    with pytest.raises(ForeignInstance):
        start(vault, key_file, OTHER_INSTANCE)


def test_nobody_starts_when_the_proof_of_a_master_key_was_changed(
    vault: Vault, key_file: Path
) -> None:
    with vault.database() as connection:
        connection.execute(master_key.update().values(check_value=bytes(28)))

    with pytest.raises(ForeignInstance):
        start(vault, key_file)


def test_a_line_of_the_file_with_another_key_of_the_same_name_does_not_start(
    vault: Vault, key_file: Path
) -> None:
    name = MasterKeys.load(key_file).active_id
    key_file.write_text(f"{name}:{base64.b64encode(bytes(range(32))).decode()}\n")

    with pytest.raises(ForeignInstance):
        start(vault, key_file)
