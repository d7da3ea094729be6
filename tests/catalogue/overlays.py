"""A town's own file that changes the shipped catalogue, for tests of overlay and comparison."""

OWN = """\
extends = "shipped"
version = "musterstadt-1"

[kinds.fee_exemption_ik]
off = true

[fields.room]
label = { de = "Raum", en = "Room" }
format = "text"
max_length = 20

[kinds.course_place_ik]
group = "course"
name = { de = "Platzzusage", en = "Place in a course" }
hint = { de = "Ein Platz.", en = "A place." }
fields = ["room?", "start_on"]
retention = "R1"
[[kinds.course_place_ik.routes]]
from = "course_provider"
to = "jobcenter"
ground = "§ 7 Abs. 4 IntV"
needs = "release"

[kinds.language_cert_external]
group = "results"
name = { de = "Sprachnachweis", en = "Other language certificate (telc, Goethe and others)" }
hint = { de = "Ein Zertifikat.", en = "A certificate." }
fields = ["issued_on?", "cefr_level"]
retention = "R4"
[[kinds.language_cert_external.routes]]
from = "course_provider"
to = ["jobcenter", "immigration_office"]
ground = "§ 17 Abs. 2 Satz 3 IntV"
needs = "release"
"""
