/* elementwise.cl: one straight-line body over every element of a domain.
 *
 * Twins: tinygrad_cl/primitives/elementwise.py, tinygrad_cl/functional/elementwise.py.
 *
 * Holes (written by the generator)
 *   PARAMS          the body's parameters, each after a comma
 *   BODY(row..., j, n)  computes and stores n elements (1..VEC) that start at column j of the row
 *   ROW, RUN        defined if the domain has outer dims: the index of the last of them, and its size
 *   UNRAVEL(row)    declares the indices of the outer dims; NEXT_RUN steps all but the last
 *   SELECT_SEGMENT  defined if one launch serves several buffers: picks the pointers of this work-group, lowers
 *                   `group` to its number inside the segment, and sets `cols`
 *   BODY_CALL(j, n) the body applied to the indices and parameters
 *   RUNS            defined if the body draws random numbers: from how many streams, whose blocks `runs` keeps
 * Tunables
 *   LANES           work-items that share a chunk, side by side (1 on a CPU)
 *
 * Sizes: cols (elements of a row), rows, chunk (rows of a work-group; columns if there is no ROW).
 */
#ifndef PARAMS
#define PARAMS , __global const float *p0, __global float *q0
#define BODY_CALL(j, n) q0[j] = p0[j]
#endif
#ifndef LANES
#define LANES 1
#endif

VECTOR_KERNEL __kernel void KERNEL(const long rows, const long columns, const long chunk PARAMS)
{
    size_t group = get_group_id(0);
    const size_t lane = (LANES > 1) ? get_local_id(0) : 0;
    size_t cols = columns;
#ifdef RUNS
    philox_run runs[RUNS];
    for (int r = 0; r < RUNS; r++)
        runs[r].count = 0;
#endif
#ifdef SELECT_SEGMENT
    SELECT_SEGMENT
#endif
#ifdef ROW
    const size_t last_row = min((size_t)rows, (group + 1) * chunk);
    size_t row = group * chunk;
    UNRAVEL(row)
    while (row < last_row) {
        const size_t stop = min((size_t)RUN, ROW + (last_row - row));
        for (row += stop - ROW; ROW < stop; ROW++) {
            size_t j = lane * VEC;
            for (; j + VEC <= cols; j += LANES * VEC) {
                BODY_CALL(j, VEC);
            }
            if (j < cols) {
                BODY_CALL(j, (int)(cols - j));
            }
        }
        ROW = 0;
        NEXT_RUN
    }
#else
    const size_t end = min(cols, (group + 1) * chunk);
    size_t j = group * chunk + lane * VEC;
    for (; j + VEC <= end; j += LANES * VEC) {
        BODY_CALL(j, VEC);
    }
    if (j < end) {
        BODY_CALL(j, (int)(end - j));
    }
#endif
}

#undef LANES
