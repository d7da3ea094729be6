"""Checks a proof that ``kursdocs audit prove`` printed, with nothing but Python's own library.

It is the program that ``infra/proof.md`` shows; a test compares both. The checkpoint's signature
is checked by any tool for C2SP signed notes, or by ``kursdocs audit verify``.
"""

import base64
import hashlib
import json
from typing import Any


def check(proof: dict[str, Any]) -> bool:
    """Whether the row is in the log of which the checkpoint speaks."""
    said = json.dumps(proof["row"], sort_keys=True).encode()
    leaf = hashlib.sha256(said).digest()
    _, size, root, *_ = proof["checkpoint"].split("\n")
    index, last = proof["index"], int(size) - 1
    head = hashlib.sha256(b"\0" + leaf).digest()
    for part in map(base64.b64decode, proof["path"]):
        while last and index == last and not index & 1:
            index, last = index >> 1, last >> 1
        pair = part + head if index & 1 else head + part
        head = hashlib.sha256(b"\1" + pair).digest()
        index, last = index >> 1, last >> 1
    return leaf.hex() == proof["hash"] and head == base64.b64decode(root)
