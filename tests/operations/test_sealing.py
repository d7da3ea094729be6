"""Sealed documents: what comes back, and everything that must not."""

from uuid import UUID

import pytest

from kursdocs.core.ports import Tampered
from kursdocs.operations.sealing import OVERHEAD_BYTES, seal, unseal

KEY = bytes(range(32))
OTHER_KEY = bytes(range(1, 33))
DOCUMENT = UUID("00000000-0000-7000-8000-000000000001")
OTHER_DOCUMENT = UUID("00000000-0000-7000-8000-000000000002")
PLAIN = bytes(number % 251 for number in range(4000))


@pytest.mark.parametrize("size", [0, 1, 4000, 5 * 1024 * 1024 + 1])
def test_what_was_sealed_comes_back(size: int) -> None:
    plain = b"\xa5" * size

    sealed = seal(KEY, DOCUMENT, plain)

    assert unseal(KEY, DOCUMENT, sealed) == plain
    assert len(sealed) == size + OVERHEAD_BYTES


def test_a_sealed_document_shows_nothing_of_the_plain_one() -> None:
    sealed = seal(KEY, DOCUMENT, PLAIN)

    assert not any(PLAIN[start : start + 8] in sealed for start in range(0, len(PLAIN), 8))


def test_two_seals_of_the_same_document_differ() -> None:
    first, second = seal(KEY, DOCUMENT, PLAIN), seal(KEY, DOCUMENT, PLAIN)

    assert first != second
    assert first[16:] != second[16:]  # not merely another nonce written before the same bytes


@pytest.mark.parametrize("position", [*range(0, 4000 + OVERHEAD_BYTES, 97), 4000 + 31])
def test_one_altered_bit_is_noticed(position: int) -> None:
    sealed = bytearray(seal(KEY, DOCUMENT, PLAIN))
    sealed[position] ^= 1 << (position % 8)

    with pytest.raises(Tampered):
        unseal(KEY, DOCUMENT, bytes(sealed))


@pytest.mark.parametrize("kept", [0, 3, 4, 16, OVERHEAD_BYTES - 1, OVERHEAD_BYTES, 2000, 4031])
def test_a_truncated_document_is_noticed(kept: int) -> None:
    sealed = seal(KEY, DOCUMENT, PLAIN)

    with pytest.raises(Tampered):
        unseal(KEY, DOCUMENT, sealed[:kept])


def test_a_longer_document_is_noticed() -> None:
    with pytest.raises(Tampered):
        unseal(KEY, DOCUMENT, seal(KEY, DOCUMENT, PLAIN) + b"\0")


def test_documents_that_changed_places_are_noticed() -> None:
    """Even with one key for both, which never happens: the id alone must tell them apart."""
    mine, theirs = seal(KEY, DOCUMENT, PLAIN), seal(KEY, OTHER_DOCUMENT, PLAIN)

    for document, sealed in ((DOCUMENT, theirs), (OTHER_DOCUMENT, mine)):
        with pytest.raises(Tampered):
            unseal(KEY, document, sealed)


def test_halves_of_two_documents_do_not_make_one() -> None:
    one, two = seal(KEY, DOCUMENT, PLAIN), seal(KEY, DOCUMENT, PLAIN)

    with pytest.raises(Tampered):
        unseal(KEY, DOCUMENT, one[:2000] + two[2000:])


def test_another_key_does_not_open_it() -> None:
    with pytest.raises(Tampered):
        unseal(OTHER_KEY, DOCUMENT, seal(KEY, DOCUMENT, PLAIN))


@pytest.mark.parametrize("size", [0, 16, 24, 31, 33])
def test_a_key_of_another_length_is_a_mistake_of_the_program(size: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        seal(bytes(size), DOCUMENT, PLAIN)
    with pytest.raises(ValueError, match="32 bytes"):
        unseal(bytes(size), DOCUMENT, seal(KEY, DOCUMENT, PLAIN))
