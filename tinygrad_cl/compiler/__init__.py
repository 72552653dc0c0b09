"""The compiler: fuse, plan, render; from graphs to launches. It knows no primitive by name."""
