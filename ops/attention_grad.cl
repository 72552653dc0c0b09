/* attention_grad.cl: the gradients of attention.cl on a CPU, from its inputs, its output and the cotangent of that.
 *
 * Twins: tinygrad_cl/primitives/attention.py (plans: plans_attention.py), tinygrad_cl/functional/attention.py.
 *
 *   P = exp(q @ k.T * scale - lse)    D = rowsum(g * y)    S = P * (g @ v.T - D)
 *   dq = S @ k * scale                dk = S.T @ q * scale                  dv = P.T @ g
 *
 * The scores are computed again, block by block. A work-item takes one head and `span` blocks of its queries, adds up
 * dk and dv over them in order, and is alone with its part of the output. The output holds dk, dv and dq, one after
 * another. If several work-items (`chunks`) share a head, dk and dv of chunk c go to `parts`, and sum_slices.cl adds
 * them; else `parts` is the output.
 */
#include "attention_tile.cl"

/* scores becomes P, slopes (which holds g @ v.T) becomes S * scale. */
FUNCTION void NAME(weigh)(ACC *scores, ACC *slopes, const ACC *lse, const ACC *dots, const ACC scale, const int rows,
                          const int keys, const int ahead)
{
    for (int r = 0; r < rows; r += VEC) {
        const int seen = CAUSAL ? clamp(r + REACH - ahead, 0, keys) : keys;
        const V shift = VLOAD(lse + r), dot = VLOAD(dots + r);
        for (int c = 0; c < seen; c++) {
            const V weight = exponential(VLOAD(scores + c * QUERIES + r) - shift);
            VSTORE(weight * scale * (VLOAD(slopes + c * QUERIES + r) - dot), slopes + c * QUERIES + r);
            VSTORE(weight, scores + c * QUERIES + r);
        }
    }
}

/* What a block of queries needs of the forward pass: lse, and D from the rows of g. */
static inline void NAME(recall)(ACC *lse, ACC *dots, __global const IN_T *y, const size_t at, const size_t rest,
                                const ACC *g_rows, const int rows, const int head_v)
{
    for (int r = 0; r < rows; r += VEC) {
        V t[VEC];
        UNROLLED(VEC) for (int i = 0; i < VEC; i++) {
            const size_t row = min(r + i, rows - 1);
            t[i] = (V)(0);
            for (int j = 0; j < head_v; j += VEC)
                t[i] = fma(VLOAD(g_rows + row * WIDTH_V + j),
                           CAT(LOADP_, IN_T)(y, (at + row) * head_v + j, min(VEC, head_v - j)), t[i]);
        }
        STAGES(FOLD)
        VSTORE(t[0], dots + r);
        VSTORE(CAT(LOADP_, IN_T)(y, rest + at + r, min(VEC, rows - r)), lse + r);
    }
}

static inline void NAME(clear)(__global IN_T *to, const size_t count)
{
    for (size_t i = 0; i < count; i += VEC)
        CAT(STOREP_, IN_T)((V)(0), to, i, (int)min((size_t)VEC, count - i));
}

VECTOR_KERNEL __kernel void KERNEL(__global IN_T *out, __global IN_T *parts, __global const IN_T *q,
                                   __global const IN_T *k, __global const IN_T *v, __global const IN_T *scale,
                                   __global const IN_T *y, __global const IN_T *g, const int batches,
                                   const int heads, const int queries, const int keys, const int head,
                                   const int head_v, const long q_first, const long q_b, const long q_h,
                                   const long q_row, const long k_first, const long k_b, const long k_h,
                                   const long k_row, const long v_first, const long v_b, const long v_h,
                                   const long v_row, const long g_first, const long g_b, const long g_h,
                                   const long g_row, const int chunks, const int span, const int per MASK_PARAMS)
{
    PRIVATE(ACC, room, QUERIES * WIDTH_E);
    PRIVATE(ACC, turned, QUERIES * WIDTH_E);
    PRIVATE(ACC, g_room, QUERIES * WIDTH_V);
    PRIVATE(ACC, g_turned, QUERIES * WIDTH_V);
    PRIVATE(ACC, key_room, KEYS * WIDTH_E);
    PRIVATE(ACC, value_room, KEYS * WIDTH_V);
    PRIVATE(ACC, scores, KEYS * QUERIES);
    PRIVATE(ACC, slopes, KEYS * QUERIES);
    PRIVATE(ACC, q_sums, QUERIES * WIDTH_E);
    PRIVATE(ACC, k_sums, KEYS * WIDTH_E);
    PRIVATE(ACC, v_sums, KEYS * WIDTH_V);
    PRIVATE(ACC, lse, QUERIES);
    PRIVATE(ACC, dots, QUERIES);
    const size_t lines = (size_t)batches * heads, k_size = (size_t)keys * head, v_size = (size_t)keys * head_v;
    const size_t tasks = lines * chunks, last = min(tasks, (get_global_id(0) + 1) * per);
    const int e_whole = head == WIDTH_E, v_whole = head_v == WIDTH_V;
    for (size_t task = get_global_id(0) * per; task < last; task++) {
        const size_t line = task / chunks, chunk = task % chunks, b = line / heads, h = line % heads;
        __global IN_T *dq = out + lines * (k_size + v_size) + line * queries * head;
        __global IN_T *dk = parts + chunk * lines * (k_size + v_size) + line * k_size;
        __global IN_T *dv = parts + (chunk * lines + lines) * k_size + (chunk * lines + line) * v_size;
        const int begin = (int)chunk * span * QUERIES, stop = min(queries, begin + span * QUERIES);
        const int seen = CAUSAL ? min(keys, stop) : keys;
        NAME(clear)(dk + seen * head, k_size - seen * head);
        NAME(clear)(dv + seen * head_v, v_size - seen * head_v);
        for (int i0 = begin; i0 < stop; i0 += QUERIES) {
            const int n = min(QUERIES, queries - i0), end = CAUSAL ? min(keys, i0 + n) : keys;
            __global const IN_T *const qs = q + q_first + b * q_b + h * q_h + i0 * q_row;
            __global const IN_T *const gs = g + g_first + b * g_b + h * g_h + i0 * g_row;
            __global const IN_T *ks = k + k_first + b * k_b + h * k_h, *vs = v + v_first + b * v_b + h * v_h;
            const ACC *const rows = NAME(panel)(room, WIDTH_E, qs, q_row, n, head);
            const ACC *const g_rows = NAME(panel)(g_room, WIDTH_V, gs, g_row, n, head_v);
            ACC *const dq_rows = e_whole ? IN_PLACE(dq + i0 * head) : q_sums;
            NAME(turn)(turned, WIDTH_E, qs, q_row, n, head, scale[0]);
            NAME(turn)(g_turned, WIDTH_V, gs, g_row, n, head_v, 1);
            NAME(recall)(lse, dots, y, line * queries + i0, lines * queries * head_v, g_rows, n, head_v);
            for (int j0 = 0; j0 < end; j0 += KEYS, ks += KEYS * k_row, vs += KEYS * v_row) {
                const int m = min(KEYS, end - j0), next = min(KEYS, end - j0 - m), ahead = j0 - i0;
                const int cut = CAUSAL && m - 1 + ahead > 0, more = i0 > (CAUSAL ? max(begin, j0) : begin);
                const ACC *const key_rows = NAME(panel)(key_room, WIDTH_E, ks, k_row, m, head);
                const ACC *const value_rows = NAME(panel)(value_room, WIDTH_V, vs, v_row, m, head_v);
                NAME(ask)(ks + KEYS * k_row, k_row, next, head);
                NAME(ask)(vs + KEYS * v_row, v_row, next, head_v);
                NAME(score)(scores, key_rows, turned, n, m, ahead, MASK_AT_BLOCK(b, h, i0, j0));
                NAME(product)(slopes, QUERIES, value_rows, WIDTH_V, 1, g_turned, QUERIES, m, WHOLE(n), WIDTH_V, 0,
                              -ALL, ALL, cut ? ahead : -ALL);
                NAME(weigh)(scores, slopes, lse, dots, scale[0], n, m, ahead);
                NAME(product)(dq_rows, WIDTH_E, slopes, 1, QUERIES, key_rows, WIDTH_E, n, WIDTH_E, m, j0 > 0, -ALL,
                              CAUSAL ? -ahead : ALL, -ALL);
                NAME(product)(e_whole ? IN_PLACE(dk + j0 * head) : k_sums, WIDTH_E, slopes, QUERIES, 1, rows, WIDTH_E,
                              m, WIDTH_E, n, e_whole && more, CAUSAL ? ahead : -ALL, ALL, -ALL);
                NAME(product)(v_whole ? IN_PLACE(dv + j0 * head_v) : v_sums, WIDTH_V, scores, QUERIES, 1, g_rows,
                              WIDTH_V, m, WIDTH_V, n, v_whole && more, CAUSAL ? ahead : -ALL, ALL, -ALL);
                NAME(give)(dk + j0 * head, k_sums, WIDTH_E, m, head, more);
                NAME(give)(dv + j0 * head_v, v_sums, WIDTH_V, m, head_v, more);
            }
            NAME(give)(dq + i0 * head, dq_rows, WIDTH_E, n, head, 0);
        }
    }
}
