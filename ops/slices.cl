/* slices.cl: a run of kernels as one, slice after slice of the batch.
 *
 * Twins: tinygrad_cl/compiler/slicing.py (which values), tinygrad_cl/compiler/gluing.py (which writes the phases).
 *
 * A phase is another template, compiled as a function (phase.cl). A work-item takes a run of
 * slices through all phases; what lies between two phases stays in its own part of `scratch`, small enough for the
 * cache.
 *
 * Holes (written by the generator)
 *   PARAMS   the buffers, each after a comma
 *   PHASES   a RUN per phase
 */
#include "calls.cl"
#ifndef PHASES
#define PARAMS , __global float *p0
#define PHASES p0[slice] = (float)slice;
#endif

VECTOR_KERNEL __kernel void KERNEL(__global const long *table, __global uchar *scratch, const long slices,
                                   const long scratch_size PARAMS)
{
    const size_t item = get_global_id(0), items = get_global_size(0);
    __global void *mine = scratch + item * scratch_size;
    const size_t first = slices * item / items, last = slices * (item + 1) / items;
    for (size_t slice = first; slice < last; slice++) {
        PHASES
    }
}
