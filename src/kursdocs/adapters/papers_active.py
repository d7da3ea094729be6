"""What in a PDF acts: scripts, launching, sending, inner and outer files, media, living forms.

Runs only inside the paper-opening child (``papers_child``), on objects that qpdf has read. Knows
nothing of files as a whole. Entry points: :func:`is_active`, :func:`named`, :func:`plain`.

A file may open at a page and may ask to be printed; everything else that happens without a click
makes it active. On a click a file may lead to another page, to a web page, to a mail or to a
telephone number. It may also name a document on the reader's own disk, because some programs write
every link so that does not start with ``https``; but no program there and no other machine.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import unquote_to_bytes

import pikepdf

_ACTIONS = frozenset(
    (
        "/GoTo3DView",
        "/GoToE",
        "/GoToR",
        "/ImportData",
        "/JavaScript",
        "/Launch",
        "/Movie",
        "/Rendition",
        "/RichMediaExecute",
        "/Sound",
        "/SubmitForm",
        "/Thread",
    )
)
_ANNOTATIONS = frozenset(("/3D", "/FileAttachment", "/Movie", "/RichMedia", "/Screen", "/Sound"))
_TYPES = frozenset(("/EmbeddedFile", "/SlideShow"))
_FILE_SPECIFICATION_KEYS = frozenset(("/F", "/UF", "/DOS", "/Mac", "/Unix"))
_CHAIN_MAX = 20  # actions one after the other; more is a circle

_LINK_SCHEMES = frozenset(
    (b"http", b"https", b"mailto", b"tel", b"fax", b"sms", b"ftp", b"ftps", b"geo", b"urn", b"doi")
)
_SCHEME = re.compile(rb"([a-z][a-z0-9+.-]*):")
# Neither a host nor a second slash, behind which Windows would look for another machine; a kind of
# file that is only looked at, for of a bare name Windows would make a program.
_OWN_DOCUMENT = re.compile(
    rb"file:///([a-z][:|][/\\])?[^/\\:\0-\x1f][^:?#\0-\x1f]*"
    rb"\.(pdf|html?|txt|rtf|csv|od[tsp]|docx?|xlsx?|pptx?|jpe?g|png|gif|tiff?)([?#]|$)"
)
_HOST_AND_PORT = re.compile(rb"[a-z0-9-]+(\.[a-z0-9-]+)+:[0-9]+(/|$)")


def is_active(thing: pikepdf.Object) -> bool:
    """Whether this dictionary or stream (not what lies below it) acts or brings something along."""
    return any(_ACTS[key](thing) for key in _TELLING.intersection(thing.keys()))


def named(thing: pikepdf.Object, key: str) -> str:
    """The name under this key, as qpdf writes it; empty for anything else."""
    return plain(thing.get(key))


def plain(value: object) -> str:
    """The name in qpdf's normal form, because old files hold names that are not UTF-8."""
    return value.unparse().decode("ascii", "replace") if isinstance(value, pikepdf.Name) else ""


def _holds_script(thing: pikepdf.Object) -> bool:
    # Fonts, images and colour spaces may bear any name, so the key alone proves nothing.
    script = thing.get("/JS")
    if isinstance(script, pikepdf.Stream):
        return named(script, "/Subtype") not in ("/Image", "/Form")
    return isinstance(script, pikepdf.String)


def _holds_scripts(thing: pikepdf.Object) -> bool:
    return isinstance(thing.get("/JavaScript"), pikepdf.Dictionary)


def _is_living(thing: pikepdf.Object) -> bool:
    """An annotation that acts, or PostScript, which printers execute (ISO 32000-1, 8.8.2)."""
    kind = named(thing, "/Subtype")
    return kind in _ANNOTATIONS or (kind == "/PS" and isinstance(thing, pikepdf.Stream))


def _acts_on_opening(thing: pikepdf.Object) -> bool:
    action = thing.get("/OpenAction")
    return isinstance(action, pikepdf.Dictionary) and not _is_calm(action)


def _acts_on_events(thing: pikepdf.Object) -> bool:
    events = thing.get("/AA")
    return isinstance(events, pikepdf.Dictionary) and any(
        isinstance(action, pikepdf.Dictionary) and "/S" in action for action in events.values()
    )


def _is_calm(action: pikepdf.Object) -> bool:
    """Nothing but showing a page of this file, and asking whether to print it."""
    for number, step in enumerate(_chain(action)):
        shows = named(step, "/S") == "/GoTo"
        prints = named(step, "/S") == "/Named" and named(step, "/N") == "/Print"
        if number >= _CHAIN_MAX or not (shows or prints):
            return False
    return True


def _chain(action: pikepdf.Object) -> Iterator[pikepdf.Object]:
    """The action and those that follow it; without end if they stand in a circle."""
    waiting = [action]
    while waiting:
        step = waiting.pop()
        yield step
        following = step.get("/Next")
        steps = list(following) if isinstance(following, pikepdf.Array) else [following]
        waiting.extend(step for step in steps if isinstance(step, pikepdf.Dictionary))


def _holds_file(thing: pikepdf.Object) -> bool:
    inner = thing.get("/EF")
    return isinstance(inner, pikepdf.Dictionary) and bool(
        _FILE_SPECIFICATION_KEYS.intersection(inner.keys())
    )


def _is_filled_from_outside(thing: pikepdf.Object) -> bool:
    """A stream with /F takes its data, a form with /Ref its picture, from another file."""
    return isinstance(thing, pikepdf.Stream)


def _leads_astray(address: object) -> bool:
    """Whether a link does more than open a web page, a mail or a telephone."""
    if not isinstance(address, pikepdf.String):
        return False
    # Only visible ASCII counts: not the zero bytes of UTF-16, nor what viewers skip.
    visible = bytes(byte for byte in bytes(address) if 0x20 < byte < 0x7F).lower()
    if visible.startswith(b"\\\\"):
        return True
    scheme = _SCHEME.match(visible)
    return (
        scheme is not None
        and scheme[1] not in _LINK_SCHEMES
        and _HOST_AND_PORT.match(visible) is None
        and _OWN_DOCUMENT.match(unquote_to_bytes(visible)) is None
    )


def _always(_thing: pikepdf.Object) -> bool:
    return True


# What each key means for the dictionary that holds it.
_ACTS: Mapping[str, Callable[[pikepdf.Object], bool]] = {
    "/AA": _acts_on_events,
    "/AlternatePresentations": _always,
    "/Base": lambda thing: _leads_astray(thing.get("/Base")),
    "/EF": _holds_file,
    "/EmbeddedFiles": _always,
    "/F": _is_filled_from_outside,
    "/JS": _holds_script,
    "/JavaScript": _holds_scripts,
    "/OnInstantiate": _always,
    "/OpenAction": _acts_on_opening,
    "/Ref": _is_filled_from_outside,
    "/S": lambda thing: named(thing, "/S") in _ACTIONS,
    "/Subtype": _is_living,
    "/Subtype2": lambda thing: named(thing, "/Subtype2") == "/PS",
    "/Type": lambda thing: named(thing, "/Type") in _TYPES,
    "/URI": lambda thing: _leads_astray(thing.get("/URI")),
    "/XFA": _always,
}
_TELLING = frozenset(_ACTS)
