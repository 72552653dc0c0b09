/* attention.cl: softmax(q @ k.T * scale + mask) @ v on a CPU, block by block, without the matrix of scores.
 *
 * Twins: tinygrad_cl/primitives/attention.py (plans: plans_attention.py), tinygrad_cl/functional/attention.py.
 *
 * q is (batches, heads, queries, head), k (..., keys, head), v (..., keys, head_v), with strides for batch, head and
 * row. The output holds (batches, heads, queries, head_v) and then, for the backward pass, the logarithm of each row's
 * sum of exponentials. A work-item makes `per` blocks of queries; each walks over the keys and keeps a running
 * maximum, sum and average (Milakov and Gimelshein 2018; Dao et al. 2022). A query that sees nothing gets zeros.
 */
#include "attention_tile.cl"

/* Turns a block of scores into exp(score - top), with running `top` and `total`; what the running average must be
 * multiplied with goes to `factor`. */
FUNCTION void NAME(soften)(ACC *scores, ACC *top, ACC *total, ACC *factor, const int rows, const int keys,
                           const int ahead)
{
    for (int r = 0; r < rows; r += VEC) {
        const int seen = CAUSAL ? clamp(r + REACH - ahead, 0, keys) : keys; /* by the last query of the register */
        const V before = VLOAD(top + r);
        V highest = before;
        for (int c = 0; c < seen; c++) {
            const V score = VLOAD(scores + c * QUERIES + r);
            highest = score > highest ? score : highest; /* a NaN comes to light in the sum */
        }
        const V shift = highest == (V)(-INFINITY) ? (V)(0) : highest;
        const V fading = exponential(before - shift);
        V sum = VLOAD(total + r) * fading;
        for (int c = 0; c < seen; c++) {
            const V weight = exponential(VLOAD(scores + c * QUERIES + r) - shift);
            VSTORE(weight, scores + c * QUERIES + r);
            sum += weight;
        }
        VSTORE(highest, top + r);
        VSTORE(sum, total + r);
        VSTORE(fading, factor + r);
    }
}

/* Divides the averages by their sums, and stores the logarithms of the sums of exponentials. */
static inline void NAME(settle)(ACC *sums, const ACC *top, ACC *total, const int rows, __global IN_T *lse)
{
    for (int r = 0; r < rows; r += VEC) {
        const V sum = VLOAD(total + r);
        CAT(STOREP_, IN_T)(sum == (V)(0) ? (V)(0) : VLOAD(top + r) + log(sum), lse, r, min(VEC, rows - r));
        VSTORE(sum == (V)(0) ? (V)(0) : 1 / sum, total + r);
    }
    for (int r = 0; r < rows; r++)
        for (int j = 0; j < WIDTH_V; j += VEC)
            VSTORE(VLOAD(sums + r * WIDTH_V + j) * total[r], sums + r * WIDTH_V + j);
}

VECTOR_KERNEL __kernel void KERNEL(__global IN_T *out, __global const IN_T *q, __global const IN_T *k,
                                   __global const IN_T *v, __global const IN_T *scale, const int batches,
                                   const int heads, const int queries, const int keys, const int head,
                                   const int head_v, const long q_first, const long q_b, const long q_h,
                                   const long q_row, const long k_first, const long k_b, const long k_h,
                                   const long k_row, const long v_first, const long v_b, const long v_h,
                                   const long v_row, const int per MASK_PARAMS)
{
    PRIVATE(ACC, turned, QUERIES * WIDTH_E);
    PRIVATE(ACC, key_room, KEYS * WIDTH_E);
    PRIVATE(ACC, value_room, KEYS * WIDTH_V);
    PRIVATE(ACC, scores, KEYS * QUERIES);
    PRIVATE(ACC, room, QUERIES * WIDTH_V);
    PRIVATE(ACC, top, QUERIES);
    PRIVATE(ACC, total, QUERIES);
    PRIVATE(ACC, factor, QUERIES);
    const int blocks = (queries + QUERIES - 1) / QUERIES;
    const size_t tasks = (size_t)batches * heads * blocks, last = min(tasks, (get_global_id(0) + 1) * per);
    for (size_t task = get_global_id(0) * per; task < last; task++) {
        const size_t line = task / blocks, b = line / heads, h = line % heads, i0 = task % blocks * QUERIES;
        const int n = min(QUERIES, queries - (int)i0);
        const int end = CAUSAL ? min(keys, (int)i0 + n) : keys;
        const size_t at = line * queries + i0, rest = (size_t)batches * heads * queries * head_v;
        __global const IN_T *const qs = q + q_first + b * q_b + h * q_h + i0 * q_row;
        __global const IN_T *ks = k + k_first + b * k_b + h * k_h, *vs = v + v_first + b * v_b + h * v_h;
        ACC *const sums = head_v == WIDTH_V ? IN_PLACE(out + at * head_v) : room;
        NAME(turn)(turned, WIDTH_E, qs, q_row, n, head, scale[0]);
        for (int r = 0; r < QUERIES; r += VEC) {
            VSTORE((V)(-INFINITY), top + r);
            VSTORE((V)(0), total + r);
        }
        for (int j0 = 0; j0 < end; j0 += KEYS, ks += KEYS * k_row, vs += KEYS * v_row) {
            const int m = min(KEYS, end - j0), next = min(KEYS, end - j0 - m), ahead = j0 - (int)i0;
            const ACC *const key_rows = NAME(panel)(key_room, WIDTH_E, ks, k_row, m, head);
            const ACC *const value_rows = NAME(panel)(value_room, WIDTH_V, vs, v_row, m, head_v);
            NAME(ask)(ks + KEYS * k_row, k_row, next, head);
            NAME(ask)(vs + KEYS * v_row, v_row, next, head_v);
            NAME(score)(scores, key_rows, turned, n, m, ahead, MASK_AT_BLOCK(b, h, i0, j0));
            NAME(soften)(scores, top, total, factor, n, m, ahead);
            if (j0)
                for (int r = 0; r < n; r++)
                    for (int j = 0; j < WIDTH_V; j += VEC)
                        VSTORE(VLOAD(sums + r * WIDTH_V + j) * factor[r], sums + r * WIDTH_V + j);
            NAME(product)(sums, WIDTH_V, scores, 1, QUERIES, value_rows, WIDTH_V, n, WIDTH_V, m, j0 > 0, -ALL,
                          CAUSAL ? -ahead : ALL, -ALL);
        }
        NAME(settle)(sums, top, total, n, out + rest + at);
        NAME(give)(out + at * head_v, sums, WIDTH_V, n, head_v, 0);
    }
}
