/* slices.cl: a run of kernels as one, slice after slice of the batch.
 *
 * Twins: tinygrad_cl/compiler/slicing.py (which values), tinygrad_cl/compiler/gluing.py (which writes the phases).
 *
 * A phase is another template, compiled as a function (phase.cl). A work-item takes a run of
 * slices through all phases; what lies between two phases stays in its own part of `scratch`, small enough for the
 * cache. Sizes, strides and the counts of a phase's work-items stand in `table`.
 *
 * Holes (written by the generator)
 *   PARAMS   the buffers, each after a comma
 *   PHASES   a RUN per phase
 */
#ifndef PHASES
#define PARAMS , __global float *p0
#define PHASES p0[slice] = (float)slice;
#endif

/* Number k of the table; the place `bytes` behind a pointer. */
#define T(k) table[k]
#define AT(p, bytes) ((__global void *)((__global uchar *)(p) + (bytes)))
/* Every work-item of a phase, one after the other: (function, its ND-range, its arguments). */
#define RUN(phase, n0, n1, n2, ...) \
    for (size_t i2 = 0; i2 < (size_t)(n2); i2++) \
        for (size_t i1 = 0; i1 < (size_t)(n1); i1++) \
            for (size_t i0 = 0; i0 < (size_t)(n0); i0++) \
                phase(i0, i1, i2, n0, n1, n2, __VA_ARGS__);

VECTOR_KERNEL __kernel void KERNEL(__global const long *table, __global uchar *scratch, const long slices,
                                   const long scratch_size PARAMS)
{
    const size_t item = get_global_id(0), items = get_global_size(0);
    __global uchar *mine = scratch + item * scratch_size;
    const size_t first = slices * item / items, last = slices * (item + 1) / items;
    for (size_t slice = first; slice < last; slice++) {
        PHASES
    }
}
