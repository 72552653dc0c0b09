"""What ops mean, in NumPy and SciPy: written without the library's own references."""

from oracle.basic import *  # noqa: F403
from oracle.nn import *  # noqa: F403
from oracle.order import *  # noqa: F403
from oracle.shaping import *  # noqa: F403
from oracle.windows import *  # noqa: F403
from oracle.writing import *  # noqa: F403
