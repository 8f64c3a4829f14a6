"""Carrying one candidate out: from steps to a file and its numbers, within a clock."""
