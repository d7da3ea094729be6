"""Requests: an office asks a course provider for a paper that it expects.

``tables`` is what lies in the database.
"""
