/* conv_channels_filter.cl: the first pass of conv_channels.cl: the weights in panels.
 *
 * Twins: tinygrad_cl/primitives/conv.py (plans: plans_channels.py), tinygrad_cl/functional/conv.py.
 *
 * out[panel][tap][source channel][WIDTH], for panels of WIDTH result channels; the last one is filled up with any
 * numbers. Taps are in the order in which conv_channels.cl meets them. Neighboring result channels' weights lie
 * `result_step` apart; those of a result channel are `outer` runs of `inner` neighbors, `outer_step` apart, and in
 * a run the tap runs first and the source channel second.
 *
 * Macros
 *   TAG, ACC, IN_T, OUT_T   see dense_tile.cl; OUT_T is ACC
 *   COLS                    vectors of a panel
 *   TAPS                    taps, at most
 */
#include "conv_channels_tile.cl"
#ifndef TAPS
#define TAPS 128
#endif

VECTOR_KERNEL __kernel void KERNEL(__global OUT_T *out, __global const IN_T *w, const int sources, const int results,
                                   const int outer, const int inner, const int outer_step, const int result_step,
                                   const int kernel_h, const int kernel_w, const int phases_h, const int phases_w,
                                   const int padding_h, const int padding_w, const int dilation_h,
                                   const int dilation_w, const int per)
{
    int order[TAPS];
    for (int p = 0, count = 0; p < phases_h * phases_w; p++)
        for (int i = 0; i < kernel_h; i++)
            for (int j = 0; j < kernel_w; j++)
                if (!((p / phases_w + padding_h - i * dilation_h) % phases_h)
                    && !((p % phases_w + padding_w - j * dilation_w) % phases_w))
                    order[i * kernel_w + j] = count++;
    const int taps = kernel_h * kernel_w, steps = (inner + VEC - 1) / VEC;
    const size_t end = (size_t)sources * results * taps, panel_size = (size_t)sources * taps * WIDTH;
    const int panels = (results + WIDTH - 1) / WIDTH, tasks = panels * COLS * outer * steps;
    const int first = (int)get_global_id(0) * per, last = min(tasks, first + per);
    for (int task = first; task < last; task++) {
        const int k = task % steps * VEC, s = task / steps % outer, o = task / steps / outer * VEC;
        __global OUT_T *const to = out + o / WIDTH * panel_size + o % WIDTH;
        const size_t from = (size_t)s * outer_step + k;
        if (result_step == 1) { /* one tap: results are neighbors */
            CAT(STOREP_, OUT_T)(NAME(load)(w, from + o, end), to, (size_t)s * WIDTH, VEC);
            continue;
        }
        V t[VEC];
        if (from + (size_t)(o + VEC - 1) * result_step + VEC <= end) {
            UNROLLED(VEC) for (int i = 0; i < VEC; i++)
                t[i] = CAT(LOADP_, IN_T)(w, from + (size_t)(o + i) * result_step, VEC);
        } else {
            PRIVATE(ACC, block, VEC * VEC);
            for (int i = 0; i < VEC; i++)
                VSTORE(NAME(load)(w, from + (size_t)(o + i) * result_step, end), block + i * VEC);
            UNROLLED(VEC) for (int i = 0; i < VEC; i++)
                t[i] = VLOAD(block + i * VEC);
        }
        STAGES(EXCHANGE)
        int tap = k % taps, c = s + k / taps;
        UNROLLED(VEC) for (int i = 0; i < VEC; i++)
            if (k + i < inner) {
                CAT(STOREP_, OUT_T)(t[i], to, ((size_t)order[tap] * sources + c) * WIDTH, VEC);
                if (++tap == taps) {
                    tap = 0;
                    c++;
                }
            }
    }
}
