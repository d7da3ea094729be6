"""Reminders: what is due to whom and why, and the ledger of what was told."""
