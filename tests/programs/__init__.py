"""Random programs: written as data, printed as Python, run in every way that must agree."""
