"""One outside system per module: database, object store, key store, papers, mail, sign-in.

Each implements a protocol of ``core.ports`` and translates foreign errors into its errors. They
know neither each other nor the web shell; ``bootstrap`` alone brings them together.
"""
