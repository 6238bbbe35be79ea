"""Recorded runs and sweeps: written, read, and derived again."""
