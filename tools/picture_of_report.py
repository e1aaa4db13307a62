"""Make the picture of a report that the example's README shows, with Chromium.

python tools/picture_of_report.py results/RUN.html PROJECT/docs/report.png
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from browser import opened_browser

WIDTH, HEIGHT = 1100, 1500
_COLOURS = 128


def main() -> int:
    """Open the page, look at it in light colours, and write what is seen."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("page", type=Path)
    parser.add_argument("picture", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, opened_browser(Path(folder)) as page:
        page.looks(WIDTH, HEIGHT)
        page.open(args.page)
        page.screenshot(args.picture)
    with Image.open(args.picture) as picture:
        picture.quantize(_COLOURS).save(args.picture, optimize=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
