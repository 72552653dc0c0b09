"""What `tools/bench.py` measures, and how.

`nets` and `kernels` are tables that say what is measured, in no library's terms; `modules`,
`jax_steps`, `tinygrad_steps` and `numpy_steps` say it in a library's. `worker` runs in a process
per library and answers over a pipe; `libraries` starts these processes and `race` alternates
between them. `ceilings` measures what the machine can do at best, `startup` whole processes,
`share` Python's part. `ratios` is arithmetic, `tables`, `plot` and `summary` are for people.
"""
