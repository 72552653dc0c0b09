/* sum_slices.cl: out[i] = sum over slices s of part[s][i], in the order of s: the second pass of split sums.
 *
 * Twins: the plans of matmul and conv (tinygrad_cl/primitives/plans_dense.py).
 *
 * The output is `rows` rows of `columns`; `inner` is the number of rows that share the domain's first index.
 * Macros
 *   TAG, IN_T, OUT_T   register tag, storage types
 *   LANES              work-items of a work-group, side by side (1 on a CPU)
 * Hole
 *   EPILOGUE(value, i0, i1, j, n)  takes n sums
 */
#ifndef TAG
#define TAG f32
#define IN_T float
#define OUT_T float
#endif
#ifndef LANES
#define LANES 1
#endif
#ifndef EPILOGUE
#define EPILOGUE(value, i0, i1, j, n) CAT(STOREP_, OUT_T)(value, out, ((i0) * inner + (i1)) * columns + (j), n)
#endif
#ifndef EPILOGUE_PARAMS
#define EPILOGUE_PARAMS
#define EPILOGUE_ARGS
#endif

VECTOR_KERNEL __kernel void KERNEL(__global OUT_T *out, __global const IN_T *part, const int inner, const long rows,
                                   const long columns, const long slices, const long chunk EPILOGUE_PARAMS)
{
    const size_t width = LANES > 1 ? LANES : VEC;
    const size_t blocks = (columns + width - 1) / width, total = (size_t)rows * blocks;
    const size_t last = min(total, (get_group_id(0) + 1) * chunk);
    for (size_t block = get_group_id(0) * chunk; block < last; block++) {
        const size_t row = block / blocks, j = block % blocks * width + (LANES > 1 ? get_local_id(0) : 0);
        if (j >= (size_t)columns)
            continue;
        const int n = (int)min((size_t)VEC, columns - j);
        size_t at = row * columns + j;
        CAT(V_, TAG) value = (CAT(V_, TAG))(0);
        for (long s = 0; s < slices; s++, at += rows * columns)
            value += CAT(LOADP_, IN_T)(part, at, n);
        const size_t i0 = row / inner, i1 = row % inner;
        EPILOGUE(value, i0, i1, j, n);
    }
}
