"""Every technique against every promise."""
