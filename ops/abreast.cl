/* abreast.cl: kernels that do not need each other, in one launch.
 *
 * Twins: tinygrad_cl/compiler/abreast.py (which kernels), tinygrad_cl/compiler/gluing.py (which writes the phases).
 *
 * The work-items of the first part come first, then those of the next one. Compute units that have nothing left to do
 * in one part begin with another.
 *
 * Holes (written by the generator)
 *   PARAMS   the buffers, each after a comma
 *   PHASES   an EACH per kernel; an ALONE around the RUNs of those that one work-item does in order
 */
#include "calls.cl"
#ifndef PHASES
#define PARAMS , __global float *p0
#define PHASES ALONE(p0[0] = (float)T(0);)
#endif

/* One work-item of a phase, if it is this one's turn: (function, its ND-range, its arguments). */
#define EACH(phase, n0, n1, n2, ...) \
    if (item < (size_t)(n0) * (n1) * (n2)) { \
        phase(item % (n0), item / (n0) % (n1), item / (n0) / (n1), n0, n1, n2, __VA_ARGS__); \
        return; \
    } \
    item -= (size_t)(n0) * (n1) * (n2);
#define ALONE(...) \
    if (item == 0) { \
        __VA_ARGS__ \
        return; \
    } \
    item--;

VECTOR_KERNEL __kernel void KERNEL(__global const long *table PARAMS)
{
    size_t item = get_global_id(0);
    PHASES
}
