/* add_slice.cl: whole[i] += part[i], from the first slice of a work-item to the last, which hands out the sums.
 *
 * Twins: tinygrad_cl/compiler/sliceplan.py, sum_slices.cl (which adds up what the work-items hand out).
 *
 * Macros
 *   TAG, T_  register tag, storage type
 */
#ifndef TAG
#define TAG f32
#define T_ float
#endif

VECTOR_KERNEL __kernel void KERNEL(__global T_ *out, __global T_ *whole, __global const T_ *part, const long count,
                                   const int first, const int last)
{
    __global T_ *target = last ? out : whole;
    for (size_t i = 0; i < (size_t)count; i += VEC) {
        const int n = (int)min((size_t)VEC, count - i);
        CAT(V_, TAG) value = CAT(LOADP_, T_)(part, i, n);
        if (!first)
            value = CAT(LOADP_, T_)(whole, i, n) + value;
        CAT(STOREP_, T_)(value, target, i, n);
    }
}
