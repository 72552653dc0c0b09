/* winograd_tile.cl: what the kernels of Winograd's convolution share: the transforms, and a register tile.
 *
 * Included by winograd.cl, winograd_filter.cl, winograd_weight.cl.
 *
 * F(M x M, R x R) with M + R = 7: a tile of M x M outputs of an R x R convolution is a product of polynomials, made
 * by evaluating both at six points along either dim: Y = A^T [(G w G^T) * (B^T d B)] A takes 36 multiplications,
 * where the sum takes 144 (R = 3) or 100 (R = 5). The points are 0, +-P, +-Q and infinity. P = 5/8 and Q = 3/2 keep
 * the numbers of the matrices near 1: the root mean square error is four times that of the sum (with 1 and 2, which
 * most texts use, eight times). Lanes are channels.
 *
 *   A    evaluates a polynomial of degree M - 1 at the points: sum over k of p^k y[k]; y[M - 1] at infinity
 *   G    the same for degree R - 1, over the product of the point's distances from the others
 *   B^T  along x: P^2 Q^2, 0, -(P^2 + Q^2), 0, 1, 0;  0, -+P Q^2, -Q^2, +-P, 1, 0 (and with P and Q exchanged);
 *                 0, P^2 Q^2, 0, -(P^2 + Q^2), 0, 1
 *
 * Macros
 *   TAG, ACC, IN_T   see dense_tile.cl
 *   TAPS             R, 2 to 5
 *   PANEL_SPACE      the address space of the right operand: __global or nothing
 * Tunables
 *   ROWS, COLS       register tile, in rows and vectors
 */
#include "dense_tile.cl"
#ifndef TAPS
#define TAPS 3
#endif
#ifndef ROWS
#define ROWS 8
#endif
#ifndef COLS
#define COLS 2
#endif
#ifndef PANEL_SPACE
#define PANEL_SPACE
#endif
#define OUTPUTS (7 - TAPS)
#define WIDTH (COLS * VEC)
#define POINTS 36
#define P_ ((ACC)0.625)
#define Q_ ((ACC)1.5)
#define PP (P_ * P_)
#define QQ (Q_ * Q_)
#define OVER_0 ((ACC)1 / (PP * QQ))
#define OVER_P ((ACC)1 / (2 * PP * (PP - QQ)))
#define OVER_Q ((ACC)1 / (2 * QQ * (QQ - PP)))
#define FMA(a, b, c) fma((V)(a), b, c)
/* Elements of a panel of weights between neighboring points: an odd number of vectors, so that they share no set of
 * the cache. */
#define PANEL_STEP(sources) ((size_t)(sources) * WIDTH + VEC)

/* B^T d: six numbers of an input. */
static inline void NAME(input)(V *d)
{
    const V p_even = FMA(-QQ, d[2], d[4]), p_odd = FMA(-QQ, d[1], d[3]);
    const V q_even = FMA(-PP, d[2], d[4]), q_odd = FMA(-PP, d[1], d[3]);
    d[0] = FMA(PP * QQ, d[0], FMA(-PP - QQ, d[2], d[4]));
    d[5] = FMA(PP * QQ, d[1], FMA(-PP - QQ, d[3], d[5]));
    d[1] = FMA(P_, p_odd, p_even);
    d[2] = FMA(-P_, p_odd, p_even);
    d[3] = FMA(Q_, q_odd, q_even);
    d[4] = FMA(-Q_, q_odd, q_even);
}

/* The six values of a polynomial with `count` coefficients. */
static inline void NAME(evaluate)(V *v, const int count)
{
    V p_even = v[0], p_odd = P_ * v[1], q_even = v[0], q_odd = Q_ * v[1];
    const V highest = v[count - 1];
    if (count > 2) {
        p_even = FMA(PP, v[2], p_even);
        q_even = FMA(QQ, v[2], q_even);
    }
    if (count > 3) {
        p_odd = FMA(P_ * PP, v[3], p_odd);
        q_odd = FMA(Q_ * QQ, v[3], q_odd);
    }
    if (count > 4) {
        p_even = FMA(PP * PP, v[4], p_even);
        q_even = FMA(QQ * QQ, v[4], q_even);
    }
    v[1] = p_even + p_odd;
    v[2] = p_even - p_odd;
    v[3] = q_even + q_odd;
    v[4] = q_even - q_odd;
    v[5] = highest;
}

/* The transpose of `evaluate`: `count` coefficients of six values. */
static inline void NAME(collect)(V *v, const int count)
{
    const V p_even = v[1] + v[2], p_odd = v[1] - v[2], q_even = v[3] + v[4], q_odd = v[3] - v[4], highest = v[5];
    v[0] += p_even + q_even;
    v[1] = FMA(P_, p_odd, Q_ * q_odd);
    v[2] = FMA(PP, p_even, QQ * q_even);
    v[3] = FMA(P_ * PP, p_odd, (Q_ * QQ) * q_odd);
    v[4] = FMA(PP * PP, p_even, (QQ * QQ) * q_even);
    v[count - 1] += highest;
}

static inline void NAME(scale)(V *v)
{
    v[0] *= OVER_0;
    v[1] *= OVER_P;
    v[2] *= OVER_P;
    v[3] *= OVER_Q;
    v[4] *= OVER_Q;
}

/* A^T m */
static inline void NAME(output)(V *m)
{
    NAME(collect)(m, OUTPUTS);
}

/* A y */
static inline void NAME(cotangent)(V *y)
{
    NAME(evaluate)(y, OUTPUTS);
}

/* G w */
static inline void NAME(filter)(V *w)
{
    NAME(evaluate)(w, TAPS);
    NAME(scale)(w);
}

/* G^T u */
static inline void NAME(gradient)(V *u)
{
    NAME(scale)(u);
    NAME(collect)(u, TAPS);
}

/* Applies a transform of `from` to `to` numbers along both dims of a tile: element (i, j) is read at
 * READ(i, j) and written with WRITE(value, i, j). */
#define TRANSFORM(of, from, to, READ, WRITE)                    \
    do {                                                        \
        V half_way[6 * 6];                                      \
        UNROLLED(6) for (int j = 0; j < (from); j++) {          \
            V line[6];                                          \
            UNROLLED(6) for (int i = 0; i < (from); i++)        \
                line[i] = READ(i, j);                           \
            NAME(of)(line);                                     \
            UNROLLED(6) for (int i = 0; i < (to); i++)          \
                half_way[i * 6 + j] = line[i];                  \
        }                                                       \
        UNROLLED(6) for (int i = 0; i < (to); i++) {            \
            V line[6];                                          \
            UNROLLED(6) for (int j = 0; j < (from); j++)        \
                line[j] = half_way[i * 6 + j];                  \
            NAME(of)(line);                                     \
            UNROLLED(6) for (int j = 0; j < (to); j++)          \
                WRITE(line[j], i, j);                           \
        }                                                       \
    } while (0)

/* Copies rows of VEC channels of an image, from channel `first` on, to [rows][pitch][VEC], with zeros around
 * them: element (0, 0) is pixel (top, -left) of the image. Channels beyond the last one repeat it. */
FUNCTION void NAME(turn)(ACC *to, __global const IN_T *x, size_t end, size_t first, int channels, int height,
                         int width, int top, int left, int rows, int pitch)
{
    const int y0 = clamp(-top, 0, rows), y1 = clamp(height - top, y0, rows);
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < pitch; j++)
            if (i < y0 || i >= y1 || j < left || j >= left + width)
                VSTORE((V)(0), to + (i * pitch + j) * VEC);
    const size_t area = (size_t)height * width, corner = first * area + (size_t)(top + y0) * width;
    const int pixels = (y1 - y0) * width;
    ACC *place = to + (y0 * pitch + left) * VEC;
    for (int p = 0, column = 0; p < pixels; p += VEC) {
        const size_t at = corner + p;
        V t[VEC];
        if (at + (channels - 1) * area + VEC <= end) {
            UNROLLED(VEC) for (int i = 0; i < VEC; i++)
                t[i] = CAT(LOADP_, IN_T)(x, at + min(i, channels - 1) * area, VEC);
        } else {
            PRIVATE(ACC, block, VEC * VEC);
            for (int i = 0; i < VEC; i++)
                VSTORE(NAME(load)(x, at + min(i, channels - 1) * area, end), block + i * VEC);
            UNROLLED(VEC) for (int i = 0; i < VEC; i++)
                t[i] = VLOAD(block + i * VEC);
        }
        STAGES(EXCHANGE)
        UNROLLED(VEC) for (int i = 0; i < VEC; i++)
            if (p + i < pixels) {
                VSTORE(t[i], place);
                place += VEC;
                if (++column == width) {
                    column = 0;
                    place += (pitch - width) * VEC;
                }
            }
    }
}

/* Elements of a panel between neighboring points: an odd number of vectors, so that they share no set of the cache. */
#define PANEL_STEP(sources) ((size_t)(sources) * WIDTH + VEC)

/* A register tile: the numbers of ROWS rows, of which neighbors along the sum lie `step` apart, times a panel of
 * WIDTH columns; added to sums if `more`. */
FUNCTION void NAME(tile)(ACC *sums, int more, PANEL_SPACE const ACC *panel, int depth, const ACC *const *rows, size_t step)
{
    const ACC *row[ROWS];
    UNROLLED(ROWS) for (int r = 0; r < ROWS; r++)
        row[r] = rows[r];
    V acc[ROWS * COLS];
    UNROLLED(ROWS * COLS) for (int i = 0; i < ROWS * COLS; i++)
        acc[i] = (V)(0);
    if (more)
        UNROLLED(ROWS * COLS) for (int i = 0; i < ROWS * COLS; i++)
            acc[i] = VLOAD(sums + i * VEC);
    for (size_t k = 0, at = 0; k < (size_t)depth; k++, at += step) {
        V x[COLS];
        UNROLLED(COLS) for (int v = 0; v < COLS; v++)
            x[v] = VLOAD(panel + (k * COLS + v) * VEC);
        UNROLLED(ROWS) for (int r = 0; r < ROWS; r++) {
            const V y = (V)(row[r][at]);
            UNROLLED(COLS) for (int v = 0; v < COLS; v++)
                acc[r * COLS + v] = fma(y, x[v], acc[r * COLS + v]);
        }
    }
    UNROLLED(ROWS * COLS) for (int i = 0; i < ROWS * COLS; i++)
        VSTORE(acc[i], sums + i * VEC);
}
