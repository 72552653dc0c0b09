"""Devices, buffers and programs. Knows no graph; the only room that touches pyopencl."""
