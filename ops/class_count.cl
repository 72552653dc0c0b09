/* class_count.cl: how many labels are not `ignore`. One work-item does it, soon enough to be a phase of other kernels.
 *
 * Twins: tinygrad_cl/primitives/cross_entropy.py, tinygrad_cl/functional/loss.py.
 *
 * Macros
 *   OUT_T  type of the result: float, double
 */
#ifndef OUT_T
#define OUT_T float
#endif

VECTOR_KERNEL __kernel void KERNEL(__global OUT_T *out, __global const long *labels, const long ignore, const long rows)
{
    long found = 0;
    for (size_t i = 0; i < (size_t)rows; i++)
        found += labels[i] != ignore;
    out[0] = (OUT_T)found;
}
