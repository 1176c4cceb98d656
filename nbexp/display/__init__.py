"""What people are shown of a run while it goes on, in a terminal, a script or a notebook."""

from nbexp.display.failure import Failed, alike, headline, short_path, show_alike, show_failure
from nbexp.display.lines import Lines, Messages, summarise, told
from nbexp.display.parts import STYLES, Part, Write, plain_line
from nbexp.display.tally import StageTally, Tally, VariantTally

__all__ = [
    "STYLES",
    "Failed",
    "Lines",
    "Messages",
    "Part",
    "StageTally",
    "Tally",
    "VariantTally",
    "Write",
    "alike",
    "headline",
    "plain_line",
    "short_path",
    "show_alike",
    "show_failure",
    "summarise",
    "told",
]
