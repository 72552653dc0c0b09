"""The functions that users call: documented, and made of primitives.

One file per family, named like the family's primitives. Everything is public as
`tinygrad_cl.<name>`, as `tinygrad_cl.nn.functional.<name>`, or as a method of Tensor.
"""
