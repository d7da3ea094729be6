"""The README's pictures: start the demo, let some invented papers arrive, and photograph it.

``make screenshots`` runs it. The papers are the same each time; only the days move along.
"""

import io
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page
from tests.browser.browsing import Visitors, chromium, running_chromium
from tests.browser.demo import Demo, day, running_demo

from kursdocs.demo.town import write_samples

FOLDER = Path(__file__).parents[1] / "infra/pictures"
SIZE = (1280, 800)
PICTURE_BYTES_MAX = 150 * 1024

_REGISTRATION = ("registration_confirmation_ik", "Anmeldebestätigung (Integrationskurs)")
_ATTENDANCE = ("attendance_certificate_ik", "Teilnahmebescheinigung (Integrationskurs)")
_CERTIFICATE = ("certificate_ik_copy", "Zertifikat Integrationskurs (Kopie)")
_ENTITLEMENT = ("entitlement_ik", "Bestätigung der Teilnahmeberechtigung")


def main() -> int:
    """Write both pictures; the exit code."""
    executable = chromium()
    if executable is None:
        sys.stderr.write("Chromium is not installed (Debian: chromium).\n")
        return 1
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_demo(Path(folder)) as demo,
        running_chromium(executable) as browser,
    ):
        shown = _deliver(demo)
        visitors = Visitors(browser, demo.url)
        with visitors.context("Jonas Muster", size=SIZE) as context:
            page = context.new_page()
            delivery = demo.delivery(shown, "auslaenderbehoerde")
            _photograph(page, f"/inbox?state=new&show={delivery}", "inbox")
        with visitors.context("Amina Muster", size=SIZE) as context:
            page = context.new_page()
            page.goto("/desk")
            page.locator("input[type=file]").first.set_input_files(_scans(demo))
            page.get_by_text("8 Papiere").first.wait_for(timeout=60_000)
            _photograph(page, "/desk", "desk")
    return 0


def _scans(demo: Demo) -> list[Path]:
    """The papers of a whole course that the demo lays ready."""
    write_samples(demo.var / "samples")
    return sorted((demo.var / "samples" / "kurs").glob("*.pdf"))


def _deliver(demo: Demo) -> dict[str, Any]:
    """Papers of several kinds and senders in the inbox; the one to be looked at."""
    taken = demo.send(name=("Muster", "Pavlo"), number=11)
    demo.take_over(taken, "auslaenderbehoerde")
    returned = demo.send(name=("Probe", "Elif"), number=12)
    demo.give_back(returned, "auslaenderbehoerde", "illegible")
    _send(demo, _ENTITLEMENT, ("Beispiel", "Selin"), 13, expires_on=day(300))
    _send(
        demo,
        _REGISTRATION,
        ("Probe", "David"),
        14,
        sender="sprachwerk",
        planned_start_on=day(49),
        course_no="IK-2027-014",
    )
    opened = _send(
        demo,
        _ATTENDANCE,
        ("Muster", "Nora"),
        15,
        period_from=day(-150),
        period_to=day(-14),
        proper_participation="yes",
        lesson_units="420",
    )
    demo.look_at(opened, "auslaenderbehoerde")
    _send(demo, _CERTIFICATE, ("Beispiel", "Omar"), 16, language_level="B1")
    _send(demo, _REGISTRATION, ("Muster", "Karim"), 17, planned_start_on=day(35))
    return demo.send(name=("Muster", "Lin"), number=18)


def _send(
    demo: Demo,
    kind: tuple[str, str],
    name: tuple[str, str],
    number: int,
    *,
    sender: str = "vhs-musterstadt",
    **fields: str,
) -> dict[str, Any]:
    return demo.send(
        sender=sender,
        kind=kind[0],
        kind_name=kind[1],
        name=name,
        number=number,
        fields={"issued_on": day(-7), **fields},
    )


def _photograph(page: Page, path: str, name: str) -> None:
    page.goto(path, wait_until="networkidle")
    # The fonts are optional for a first visit; from the cache they are there at once.
    page.reload(wait_until="networkidle")
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    buffer = io.BytesIO()
    picture.quantize(256, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
    if buffer.tell() > PICTURE_BYTES_MAX:
        raise ValueError(f"{name}.png has {buffer.tell()} bytes")
    (FOLDER / f"{name}.png").write_bytes(buffer.getvalue())


if __name__ == "__main__":
    sys.exit(main())
