"""Measured side by side: each command writes dated JSON, `tables` turns all of it into the README."""
