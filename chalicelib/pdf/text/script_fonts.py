"""The table of Noto fonts by script (Thai, Tamil and so on), for names that the usual fonts cannot write."""

from bisect import bisect_right

_BLOCKS = (
    (0x0700, 0x074F, "Syriac"),
    (0x0780, 0x07BF, "Thaana"),
    (0x07C0, 0x07FF, "NKo"),
    (0x0900, 0x097F, "Devanagari"),
    (0x0980, 0x09FF, "Bengali"),
    (0x0A00, 0x0A7F, "Gurmukhi"),
    (0x0A80, 0x0AFF, "Gujarati"),
    (0x0B00, 0x0B7F, "Oriya"),
    (0x0B80, 0x0BFF, "Tamil"),
    (0x0C00, 0x0C7F, "Telugu"),
    (0x0C80, 0x0CFF, "Kannada"),
    (0x0D00, 0x0D7F, "Malayalam"),
    (0x0D80, 0x0DFF, "Sinhala"),
    (0x0E00, 0x0E7F, "Thai"),
    (0x0E80, 0x0EFF, "Lao"),
    (0x0F00, 0x0FFF, "Tibetan"),
    (0x1000, 0x109F, "Myanmar"),
    (0x1200, 0x139F, "Ethiopic"),
    (0x13A0, 0x13FF, "Cherokee"),
    (0x1780, 0x17FF, "Khmer"),
    (0x19E0, 0x19FF, "Khmer"),
    (0x1C50, 0x1C7F, "OlChiki"),
    (0x1CD0, 0x1CFF, "Devanagari"),
    (0x2D80, 0x2DDF, "Ethiopic"),
    (0xA8E0, 0xA8FF, "Devanagari"),
    (0xA9E0, 0xA9FF, "Myanmar"),
    (0xAA60, 0xAA7F, "Myanmar"),
    (0xAAE0, 0xAAFF, "MeeteiMayek"),
    (0xAB00, 0xAB2F, "Ethiopic"),
    (0xAB70, 0xABBF, "Cherokee"),
    (0xABC0, 0xABFF, "MeeteiMayek"),
    (0x11100, 0x1114F, "Chakma"),
    (0x1E900, 0x1E95F, "Adlam"),
)
"""The Unicode blocks that have a Noto font: (first code point, last code point, script), in order."""

_STARTS = [first for first, _, _ in _BLOCKS]


def script_font(char: str) -> str | None:
    """Return the name of the Noto font for the character's script; None for a script without a Noto font."""
    index = bisect_right(_STARTS, ord(char)) - 1
    if index < 0 or ord(char) > _BLOCKS[index][1]:
        return None
    return font_name(_BLOCKS[index][2])


def font_name(script: str) -> str:
    """Return the name of the script's font, which is also the name of the font file without `.ttf`."""
    return f"Noto{'Serif' if script == 'Tibetan' else 'Sans'}{script}-Regular"


SCRIPTS = tuple(dict.fromkeys(script for _, _, script in _BLOCKS))
