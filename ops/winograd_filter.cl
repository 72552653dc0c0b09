/* winograd_filter.cl: the first pass of winograd.cl: the weights at Winograd's points, in panels.
 *
 * Twins: tinygrad_cl/primitives/conv.py (plans: plans_winograd.py), tinygrad_cl/functional/conv.py.
 *
 * out[group][panel][point][source channel][WIDTH] = G w G^T, for panels of WIDTH result channels; the last one is filled
 * up by repeating the last channel. Neighboring result channels' weights lie `result_step` apart, neighboring
 * source channels' `source_step`.
 *
 * Macros
 *   TAG, ACC, IN_T, OUT_T   see dense_tile.cl; OUT_T is ACC
 *   TAPS, COLS              see winograd_tile.cl
 *   FLIP                    1: both dims of a weight are reversed (input gradient)
 */
#include "winograd_tile.cl"
#ifndef FLIP
#define FLIP 0
#endif

#define AREA (TAPS * TAPS)

VECTOR_KERNEL __kernel void KERNEL(__global OUT_T *out, __global const IN_T *w, const int groups, const int sources, const int results,
                                   const int source_step, const int result_step, const int per)
{
    const size_t group_size = (size_t)sources * results * AREA, end = groups * group_size;
    const int panels = (results + WIDTH - 1) / WIDTH, tasks = groups * panels * COLS * sources;
    const int first = (int)get_global_id(0) * per, last = min(tasks, first + per);
    for (int task = first; task < last; task++) {
        const int c = task % sources, o = task / sources % (panels * COLS) * VEC;
        const size_t group = task / sources / (panels * COLS);
        V taps[(AREA + VEC - 1) / VEC * VEC];
        UNROLLED(4) for (int k = 0; k < AREA; k += VEC) {
            PRIVATE(ACC, block, VEC * VEC);
            for (int i = 0; i < VEC; i++) {
                const size_t row = (size_t)min(o + i, results - 1) * result_step;
                const size_t at = group * group_size + row + (size_t)c * source_step + k;
                VSTORE(NAME(load)(w, at, end), block + i * VEC);
            }
            V t[VEC];
            UNROLLED(VEC) for (int i = 0; i < VEC; i++)
                t[i] = VLOAD(block + i * VEC);
            STAGES(EXCHANGE)
            UNROLLED(VEC) for (int i = 0; i < VEC; i++)
                taps[k + i] = t[i];
        }
        const size_t panel = group * panels + o / WIDTH, lane = o % WIDTH;
        __global OUT_T *const to = out + panel * POINTS * PANEL_STEP(sources) + (size_t)c * WIDTH + lane;
#define READ_TAP(i, j) taps[FLIP ? AREA - 1 - (i) * TAPS - (j) : (i) * TAPS + (j)]
#define WRITE_POINT(value, i, j) CAT(STOREP_, OUT_T)(value, to, ((i) * 6 + (j)) * PANEL_STEP(sources), VEC)
        TRANSFORM(filter, TAPS, 6, READ_TAP, WRITE_POINT);
    }
}
