"""The address of a bucket: ``s3://host[:port]/bucket[?tls=on|off][&region=…]``.

Knows nothing of objects and opens nothing. :func:`bucket_of` is the entry point.
"""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qs, urlsplit

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@dataclass(frozen=True)
class Bucket:
    """Where the bucket is (``endpoint``: host and port) and how to speak to it."""

    endpoint: str
    bucket: str
    tls: bool
    region: str


def bucket_of(url: str, *, has_keys: bool) -> Bucket:
    """What the address says; raises :class:`ValueError` with a sentence that says what is wrong.

    ``has_keys`` is whether an access key and its secret are known.
    """
    parts = _split(url)
    bucket = parts.path.removeprefix("/")
    complaints = (
        (
            "@" in parts.netloc,
            "The store URL must not contain a user or password: they are settings of their own.",
        ),
        (not parts.hostname, "The store URL names no host: write s3://host:port/bucket."),
        (
            not _BUCKET.fullmatch(bucket) or ".." in bucket,
            "The store URL needs one bucket after the host (3 to 63 of a-z, 0-9, dot, hyphen).",
        ),
        (bool(parts.fragment), "The store URL must not have a part after #."),
        (
            not has_keys,
            "The object store needs an access key and a secret key.",
        ),
    )
    for applies, sentence in complaints:
        if applies:
            raise ValueError(sentence)
    options = _options(parts.query)
    return Bucket(parts.netloc, bucket, tls=options["tls"] == "on", region=options["region"])


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # Read for its check alone.
    except ValueError as error:
        raise ValueError("The store URL has no valid host and port.") from error
    return parts


def _options(query: str) -> dict[str, str]:
    options = {"tls": "on", "region": "us-east-1"}
    for option, values in parse_qs(query, keep_blank_values=True).items():
        if option not in options:
            raise ValueError("The store URL has an unknown option: only tls and region are known.")
        if len(values) != 1 or not values[0]:
            raise ValueError(f"The store URL must give {option} once, with a value.")
        options[option] = values[0]
    if options["tls"] not in ("on", "off"):
        raise ValueError("The store URL must say tls=on or tls=off.")
    return options
