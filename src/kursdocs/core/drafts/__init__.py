"""Drafts: files that one person has put on the server and not sent yet, for a day.

``tables`` is what lies in the database.
"""
