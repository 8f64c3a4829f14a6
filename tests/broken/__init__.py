"""Techniques that break their promises on purpose."""
