/* pool_argmax.cl: what follows the first maximum of every window, on a CPU: its position, a value there, its gradient.
 *
 * Twins: tinygrad_cl/primitives/pool.py, tinygrad_cl/functional/pool.py.
 *
 * A register holds neighboring windows of one output row. A NaN beats every number, the first of equals wins, and
 * a window that meets no element of the input has position -1 (its value is 0, its cotangent goes nowhere).
 *
 * Macros
 *   TAG, SCALAR  register tag and type of one lane
 *   PLACE        the signed integer type as wide as SCALAR: int or long
 *   IN_T, OUT_T  storage types of the inputs and of the output
 *   WIDEN        1: elements of IN_T must be converted to SCALAR one by one
 *   WANT         0: positions in the plane; 1: the value of v there; 2: g summed there, an input plane at a time
 * Hole
 *   EPILOGUE(value, j, n)  takes n output elements from element j on (WANT 1 and 2)
 */
#include "pool_place.cl"
#ifndef WANT
#define WANT 2
#endif
#ifndef EPILOGUE
#define EPILOGUE(value, j, n) CAT(STOREP_, OUT_T)(value, out, j, n)
#endif
#ifndef EPILOGUE_PARAMS
#define EPILOGUE_PARAMS
#define EPILOGUE_ARGS
#endif

#if WANT == 2
/* Adds the cotangents of one plane's windows where their maxima lie. */
static inline void NAME(scatter)(__global SCALAR *sums, __global const IN_T *g, __global const IN_T *x, size_t plane,
                                 size_t limit, GEOMETRY)
{
    const size_t base = plane * height * width;
    const P lane = (P)(LANE_NUMBERS);
    for (int oh = 0; oh < out_height; oh++) {
        for (int ow = 0; ow < out_width; ow += VEC) {
            const int n = min(VEC, out_width - ow);
            PLACE places[VEC];
            NAME(find)(places, x, base, limit, oh, ow, n, lane, SIZES);
            const size_t at = (plane * out_height + oh) * out_width + ow;
            for (int l = 0; l < n; l++)
                if (places[l] >= 0)
                    sums[places[l]] += CAT(LOAD1_, IN_T)(g, at + l);
        }
    }
}

/* `group` planes at a time are summed in this work-item's part of `scratch`. */
VECTOR_KERNEL __kernel void KERNEL(__global OUT_T *out, __global const IN_T *g, __global const IN_T *x,
                                   __global SCALAR *scratch, const int group, const int planes,
                                   GEOMETRY EPILOGUE_PARAMS)
{
    const size_t pixels = (size_t)height * width, limit = planes * pixels;
    const size_t first = (size_t)planes * get_global_id(0) / get_global_size(0);
    const size_t last = (size_t)planes * (get_global_id(0) + 1) / get_global_size(0);
    __global SCALAR *sums = scratch + get_global_id(0) * ((group * pixels + VEC - 1) / VEC * VEC);
    for (size_t plane = first; plane < last; plane += group) {
        const size_t count = min((size_t)group, last - plane), total = count * pixels;
        for (size_t t = 0; t < total; t += VEC)
            VSTORE((V)(0), sums + t);
        for (size_t p = 0; p < count; p++)
            NAME(scatter)(sums + p * pixels, g, x, plane + p, limit, SIZES);
        for (size_t t = 0; t < total; t += VEC) {
            const int n = (int)min((size_t)VEC, total - t);
            EPILOGUE(CAT(LOADP_, SCALAR)(sums, t, n), plane * pixels + t, n);
        }
    }
}
#else
/* Inputs: x; or v, x. */
VECTOR_KERNEL __kernel void KERNEL(__global OUT_T *out,
#if WANT == 1
                                   __global const IN_T *v,
#endif
                                   __global const IN_T *x, const int planes, GEOMETRY EPILOGUE_PARAMS)
{
    const size_t rows = (size_t)planes * out_height, limit = (size_t)planes * height * width;
    const size_t first = rows * get_global_id(0) / get_global_size(0);
    const size_t last = rows * (get_global_id(0) + 1) / get_global_size(0);
    const P lane = (P)(LANE_NUMBERS);
    for (size_t row = first; row < last; row++) {
        const size_t base = row / out_height * height * width;
        const int oh = (int)(row % out_height);
        for (int ow = 0; ow < out_width; ow += VEC) {
            const int n = min(VEC, out_width - ow);
            const size_t at = row * out_width + ow;
            PLACE places[VEC];
            NAME(find)(places, x, base, limit, oh, ow, n, lane, SIZES);
#if WANT == 1
            SCALAR lanes[VEC];
            for (int l = 0; l < VEC; l++)
                lanes[l] = l < n && places[l] >= 0 ? (SCALAR)CAT(LOAD1_, IN_T)(v, base + places[l]) : 0;
            EPILOGUE(VLOAD(lanes), at, n);
#else
            for (int l = 0; l < n; l++)
                out[at + l] = places[l];
#endif
        }
    }
}
#endif

#undef TAG
#undef SCALAR
#undef PLACE
#undef IN_T
#undef OUT_T
#undef WIDEN
#undef WANT
#undef EPILOGUE
#undef EPILOGUE_PARAMS
#undef EPILOGUE_ARGS
#undef V
#undef P
#undef VLOAD
#undef VSTORE
#undef GEOMETRY
#undef SIZES
