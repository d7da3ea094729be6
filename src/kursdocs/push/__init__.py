"""The client: sends files through the JSON API of a kursdocs server, each exactly once.

It runs at an agency, not at the server, and must not know the server's inside: what it needs to
know it asks the API. It prints nothing; ``cli/pushing.py`` does. Reading order: ``papers`` (what is
to be sent), ``lists`` (many of them, from a table), ``rules`` (what the server takes), ``ledger``
(what was sent), ``server`` (HTTP), ``sending`` (the whole run).
"""
