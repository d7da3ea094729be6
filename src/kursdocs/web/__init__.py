"""Pages and API: the nouns of the domain again, thin. ``routes`` is the table of what exists.

Knows HTTP, templates and sessions; decides nothing about papers itself and knows no adapter.
"""
