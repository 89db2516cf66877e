"""Facts that only the text of a sheet states: size of pixels, stabilisation, sealing, headphone socket."""

from __future__ import annotations

import re
from typing import NamedTuple

_PIXELS = re.compile(r"(\d\.\d{1,2})\s?[µμu]m\b")
_STABILISED = re.compile(r"\bOIS\b|(?i:optical image stabili[sz]ation)|光学防抖")
_SEALED = re.compile(r"\bIP ?(6[5-9]|5[3-9])\b")
_JACK = re.compile(r'(?i)"(?:3\.?5 ?-?mm(?:[ -]jack)?|headphone[^"]*)":\s*"(?:yes|3\.5|true)')


class SheetFacts(NamedTuple):
    """Facts of one phone.

    Args:
        pixel_um: Size of the main camera's pixels in µm; 0 where unknown.
        has_ois: Whether the sheet says that the camera is stabilised optically.
        sealing: Protection from dust and water such as `IP68`; empty where unknown.
        has_jack: Whether the sheet says that it has a headphone socket.
    """

    pixel_um: float = 0.0
    has_ois: bool = False
    sealing: str = ""
    has_jack: bool = False


def read_sheet(specs_raw: str) -> SheetFacts:
    """Read the facts of one sheet, a JSON object as text; what it does not state stays unknown."""
    pixels, sealed = _PIXELS.search(specs_raw), _SEALED.search(specs_raw)
    return SheetFacts(
        float(pixels.group(1)) if pixels else 0.0,
        bool(_STABILISED.search(specs_raw)),
        f"IP{sealed.group(1)}" if sealed else "",
        bool(_JACK.search(specs_raw)),
    )
