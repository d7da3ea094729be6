"""The domain, one module per noun: what may happen to a paper, and who may do it.

Knows no HTTP, object store, mail or templates, opens nothing and never commits: everything works
within the session that it is given. Reading order: ``errors``, ``ports``, ``access``, then the
nouns.
"""
