/* conv_channels_tile.cl: what the kernels of convolution with channels side by side share: how an image is turned.
 *
 * Included by conv_channels.cl, conv_channels_filter.cl, conv_channels_weight.cl.
 *
 * Macros
 *   TAG, ACC, IN_T   see dense_tile.cl
 * Tunables
 *   ROWS, COLS       register tile, in rows and vectors
 */
#include "dense_tile.cl"
#ifndef ROWS
#define ROWS 8
#endif
#ifndef COLS
#define COLS 2
#endif
#define WIDTH (COLS * VEC)

/* VEC elements of x from x[at] on, `step` apart, of which the last ones may be anything; all of 2 * VEC can be
 * read. */
static inline V NAME(every)(__global const IN_T *x, size_t at, int step)
{
    V found = CAT(LOADP_, IN_T)(x, at, VEC);
    if (step == 2) {
        const V next = CAT(LOADP_, IN_T)(x, at + VEC, VEC);
        found.lo = found.even;
        found.hi = next.even;
    }
    return found;
}

/* Turns `channels` (at most VEC) channels of an image, from channel `first` on, to [rows][pitch][step], with zeros
 * around them: pixel (i, j) is (top + i * skip_h, left + j * skip_w) of the image. Channels beyond the last one
 * repeat it; if `step` is less than VEC, they are overwritten, but for up to VEC - step elements at the end. */
FUNCTION void NAME(turn)(ACC *to, __global const IN_T *x, size_t end, size_t first, int channels, int height,
                         int width, int top, int left, int skip_h, int skip_w, int rows, int pitch, int step)
{
    const int y0 = clamp((skip_h - 1 - top) / skip_h, 0, rows);
    const int y1 = clamp((height - top + skip_h - 1) / skip_h, y0, rows);
    const int x0 = clamp((skip_w - 1 - left) / skip_w, 0, pitch);
    const int x1 = clamp((width - left + skip_w - 1) / skip_w, x0, pitch);
    const size_t area = (size_t)height * width, furthest = (channels - 1) * area;
    const int wide = x1 - x0, joined = skip_h == 1 && skip_w == 1 && wide == width;
    const int stretches = joined ? min(1, y1 - y0) : y1 - y0, length = joined ? (y1 - y0) * wide : wide;
    for (int s = 0; s < stretches; s++) {
        const size_t corner = first * area + (size_t)(top + (y0 + s) * skip_h) * width + left + x0 * skip_w;
        ACC *place = to + (size_t)((y0 + s) * pitch + x0) * step;
        for (int p = 0, column = 0; p < length; p += VEC) {
            const size_t at = corner + (size_t)p * skip_w;
            V t[VEC];
            if (skip_w <= 2 && at + furthest + skip_w * VEC <= end) {
                UNROLLED(VEC) for (int i = 0; i < VEC; i++)
                    t[i] = NAME(every)(x, at + min(i, channels - 1) * area, skip_w);
            } else {
                PRIVATE(ACC, block, VEC * VEC);
                for (int i = 0; i < VEC; i++)
                    for (int l = 0; l < VEC; l++)
                        block[i * VEC + l] =
                            CAT(LOAD1_, IN_T)(x, at + min(i, channels - 1) * area + min(l, length - 1 - p) * skip_w);
                UNROLLED(VEC) for (int i = 0; i < VEC; i++)
                    t[i] = VLOAD(block + i * VEC);
            }
            STAGES(EXCHANGE)
            UNROLLED(VEC) for (int i = 0; i < VEC; i++)
                if (p + i < length) {
                    VSTORE(t[i], place);
                    place += step;
                    if (++column == wide) {
                        column = 0;
                        place += (pitch - wide) * step;
                    }
                }
        }
    }
    const int each = min(step, VEC);
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < pitch; j++) {
            if (i >= y0 && i < y1 && j == x0)
                j = x1;
            if (j >= pitch)
                break;
            ACC *const place = to + (size_t)(i * pitch + j) * step;
            if (each == VEC)
                VSTORE((V)(0), place);
            else
                for (int c = 0; c < each; c++)
                    place[c] = 0;
        }
}
