"""Tickets 工单 of a hotline or of another source, loaded in bulk: each becomes a clue."""
