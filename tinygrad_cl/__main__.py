"""Entry point of `python -m tinygrad_cl`."""

from __future__ import annotations

from tinygrad_cl.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
