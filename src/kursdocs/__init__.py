"""kursdocs: addressed delivery of language course papers between the agencies of a municipality.

Read in this order: ``catalogue`` (what may be sent to whom), ``core`` (the domain, one module
per noun), ``operations`` (what needs a port between two transactions), ``web`` (pages and API,
the same nouns again), ``bootstrap`` (where ports meet adapters), ``cli`` (the commands).
"""

__version__ = "0.1.0"
