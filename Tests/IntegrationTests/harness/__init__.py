"""Starts the release programs and talks to them as clients do."""
