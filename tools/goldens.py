"""Writes tests/kernels/*.cl anew: the generated text of some plans, for people and a test."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from goldens import FOLDER, GOLDENS, golden_text


def main() -> None:
    """Writes one file per plan and names those that changed."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    FOLDER.mkdir(exist_ok=True)
    for make in GOLDENS:
        path, text = FOLDER / f"{make.__name__}.cl", golden_text(make)
        changed = not path.exists() or path.read_text(encoding="utf-8") != text
        path.write_text(text, encoding="utf-8")
        print(f"{path.name}: {'written' if changed else 'unchanged'}")


if __name__ == "__main__":
    main()
