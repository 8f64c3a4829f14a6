"""What comes from elsewhere: its words made printable, its programs refused, its links not followed.

See ``docs/trust.md`` for what is trusted and what is not.
"""

from paredown.trust.places import cache_directory, private_directory
from paredown.trust.programs import Programs
from paredown.trust.words import in_json, one_line, printable
from paredown.trust.writing import copy_whole, place_whole, refuse_links, write_whole

__all__ = [
    "Programs",
    "cache_directory",
    "copy_whole",
    "in_json",
    "one_line",
    "place_whole",
    "printable",
    "private_directory",
    "refuse_links",
    "write_whole",
]
