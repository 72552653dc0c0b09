/* search.cl: where values belong in sorted lines, by bisection.
 *
 * Twins: tinygrad_cl/primitives/sort.py, tinygrad_cl/functional/sorting.py.
 *
 * The lines are (lines, size); `count` values belong to each line in turn.
 *
 * Macros
 *   IO_T   type of lines and values: float double int long uchar, or half (loaded as float)
 *   RIGHT  0: before elements that are equal; 1: behind them
 */
#ifndef IO_T
#define IO_T float
#endif
#ifndef RIGHT
#define RIGHT 0
#endif

__kernel void KERNEL(__global long *out, __global const IO_T *sequence, __global const IO_T *values,
                     const long lines, const long size, const long count)
{
    for (size_t unit = get_global_id(0); unit < (size_t)(lines * count); unit += get_global_size(0)) {
        const size_t first = unit / count * size;
        long low = 0, high = size;
        while (low < high) {
            const long middle = low + (high - low) / 2;
#if RIGHT
            const int behind = !(CAT(LOAD1_, IO_T)(sequence, first + middle) > CAT(LOAD1_, IO_T)(values, unit));
#else
            const int behind = !(CAT(LOAD1_, IO_T)(sequence, first + middle) >= CAT(LOAD1_, IO_T)(values, unit));
#endif
            if (behind)
                low = middle + 1;
            else
                high = middle;
        }
        out[unit] = low;
    }
}

#undef IO_T
#undef RIGHT
