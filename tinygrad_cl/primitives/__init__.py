"""One row per op with all its rules, by family. Importing the package registers them."""

from tinygrad_cl.primitives import attention as attention
from tinygrad_cl.primitives import conv as conv
from tinygrad_cl.primitives import cross_entropy as cross_entropy
from tinygrad_cl.primitives import diagonal as diagonal
from tinygrad_cl.primitives import elementwise as elementwise
from tinygrad_cl.primitives import index as index
from tinygrad_cl.primitives import linalg as linalg
from tinygrad_cl.primitives import matmul as matmul
from tinygrad_cl.primitives import movement as movement
from tinygrad_cl.primitives import normalize as normalize
from tinygrad_cl.primitives import pool as pool
from tinygrad_cl.primitives import pool_offset as pool_offset
from tinygrad_cl.primitives import random as random
from tinygrad_cl.primitives import reduce as reduce
from tinygrad_cl.primitives import scan as scan
from tinygrad_cl.primitives import sort as sort
from tinygrad_cl.primitives import special as special
