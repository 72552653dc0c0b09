/* attention_gpu.cl: attention and its gradients on a GPU, tiled in local memory.
 *
 * Twins: the GPU plans in tinygrad_cl/primitives/plans_attention.py; attention.cl and attention_grad.cl say what is
 * computed and what the buffers hold.
 *
 * A work-group of SIDE x SIDE owns TILE rows and walks over the others, TILE at a time. A work-item makes ITEMS x ITEMS
 * scores of a tile, and ITEMS rows of every SIDE-th column of a result. Macros
 *   TAG, ACC, IN_T   register tag, type of the sums, storage type
 *   PART     FORWARD; QUERY_GRAD: the rows are queries and the result is dq; KEY_GRAD: they are keys, dk and dv
 *   WIDTH    elements of a row in local memory: at least those of a head
 *   CAUSAL, MASK     as in attention_tile.cl
 * Tunables
 *   SIDE, ITEMS
 */
#define FORWARD 0
#define QUERY_GRAD 1
#define KEY_GRAD 2
#ifndef TAG
#define TAG f32
#define ACC float
#define IN_T float
#endif
#ifndef PART
#define PART FORWARD
#endif
#ifndef WIDTH
#define WIDTH 32
#endif
#ifndef CAUSAL
#define CAUSAL 0
#endif
#ifndef MASK
#define MASK 0
#endif
#ifndef SIDE
#define SIDE 16
#define ITEMS 2
#endif
#define TILE (SIDE * ITEMS)
#define COLUMNS ((WIDTH + SIDE - 1) / SIDE)
#define MINE(i) (ty + (i) * SIDE)   /* my row of a tile */
#define OTHER(j) (tx + (j) * SIDE)  /* my column of a tile of scores, and of a result */
#define EACH(i, n) for (int i = 0; i < (n); i++)
#if MASK == 1
#define MASK_T uchar
#define MASKED(score, at) (mask[at] ? (score) : (ACC)(-INFINITY))
#else
#define MASK_T IN_T
#define MASKED(score, at) ((score) + mask[at])
#endif
#if MASK
#define MASK_PARAMS , __global const MASK_T *mask, const long mask_first, const long mask_b, const long mask_h, \
                    const long mask_row
#else
#define MASK_PARAMS
#endif

/* Loads TILE rows of `columns` elements times a factor; rows beyond the last one are zeros. */
static inline void NAME(fetch)(__local ACC (*to)[WIDTH + 1], __global const IN_T *from, const size_t at,
                               const size_t step, const int rows, const int columns, const ACC factor)
{
    const int lane = get_local_id(1) * SIDE + get_local_id(0);
    for (int e = lane; e < TILE * columns; e += SIDE * SIDE) {
        const int r = e / columns, j = e % columns;
        to[r][j] = r < rows ? from[at + r * step + j] * factor : 0;
    }
}

/* sums[i][j] = row MINE(i) of a times row OTHER(j) of b. */
static inline void NAME(dot)(ACC (*sums)[ITEMS], __local ACC (*a)[WIDTH + 1], __local ACC (*b)[WIDTH + 1],
                             const int depth)
{
    const int tx = get_local_id(0), ty = get_local_id(1);
    EACH(i, ITEMS) EACH(j, ITEMS) sums[i][j] = 0;
    for (int k = 0; k < depth; k++)
        EACH(i, ITEMS) EACH(j, ITEMS) sums[i][j] = fma(a[MINE(i)][k], b[OTHER(j)][k], sums[i][j]);
}

/* Adds weights (my rows, TILE columns) times rows. */
static inline void NAME(gather)(ACC (*sums)[COLUMNS], __local ACC (*weights)[TILE + 1],
                                __local ACC (*rows)[WIDTH + 1], const int columns)
{
    const int tx = get_local_id(0), ty = get_local_id(1);
    EACH(i, ITEMS) EACH(s, COLUMNS) if (OTHER(s) < columns)
        for (int c = 0; c < TILE; c++)
            sums[i][s] = fma(weights[MINE(i)][c], rows[c][OTHER(s)], sums[i][s]);
}

static inline void NAME(give)(__global IN_T *to, const size_t at, ACC (*sums)[COLUMNS], const int rows,
                              const int columns, const ACC factor)
{
    const int tx = get_local_id(0), ty = get_local_id(1);
    EACH(i, ITEMS) EACH(s, COLUMNS) if (MINE(i) < rows && OTHER(s) < columns)
        to[at + MINE(i) * columns + OTHER(s)] = sums[i][s] * factor;
}

__kernel void KERNEL(__global IN_T *out, __global const IN_T *q, __global const IN_T *k, __global const IN_T *v,
                     __global const IN_T *scale,
#if PART != FORWARD
                     __global const IN_T *y, __global const IN_T *g,
#endif
                     const int batches, const int heads, const int queries, const int keys, const int head,
                     const int head_v, const long q_first, const long q_b, const long q_h, const long q_row,
                     const long k_first, const long k_b, const long k_h, const long k_row, const long v_first,
                     const long v_b, const long v_h, const long v_row
#if PART != FORWARD
                     , const long g_first, const long g_b, const long g_h, const long g_row
#endif
                     MASK_PARAMS)
{
    __local ACC own[TILE][WIDTH + 1], other[TILE][WIDTH + 1], weights[TILE][TILE + 1];
#if PART != FORWARD
    __local ACC own_g[TILE][WIDTH + 1];
#endif
    __local ACC top[TILE], total[TILE];
    const int tx = get_local_id(0), ty = get_local_id(1), lane = ty * SIDE + tx;
    const size_t lines = (size_t)batches * heads, line = get_group_id(1), b = line / heads, h = line % heads;
    const int first = get_group_id(0) * TILE, total_rows = PART == KEY_GRAD ? keys : queries;
    const int mine = min(TILE, total_rows - first), others = PART == KEY_GRAD ? queries : keys;
    const size_t q_line = q_first + b * q_b + h * q_h, k_line = k_first + b * k_b + h * k_h;
    const size_t v_line = v_first + b * v_b + h * v_h, y_line = line * queries, rest = lines * queries * head_v;
    const ACC factor = scale[0];
    ACC sums[ITEMS][COLUMNS], scores[ITEMS][ITEMS];
    EACH(i, ITEMS) EACH(s, COLUMNS) sums[i][s] = 0;
#if PART == KEY_GRAD
    ACC value_sums[ITEMS][COLUMNS];
    EACH(i, ITEMS) EACH(s, COLUMNS) value_sums[i][s] = 0;
    NAME(fetch)(own, k, k_line + first * k_row, k_row, mine, head, 1);
    NAME(fetch)(own_g, v, v_line + first * v_row, v_row, mine, head_v, 1);
#else
    NAME(fetch)(own, q, q_line + first * q_row, q_row, mine, head, factor);
#endif
#if PART == QUERY_GRAD
    const size_t g_line = g_first + b * g_b + h * g_h;
    NAME(fetch)(own_g, g, g_line + first * g_row, g_row, mine, head_v, 1);
#elif PART == KEY_GRAD
    const size_t g_line = g_first + b * g_b + h * g_h;
#endif
    for (int r = lane; r < TILE; r += SIDE * SIDE) {
        top[r] = -INFINITY;
        total[r] = 0;
#if PART == QUERY_GRAD /* lse, and the rows of g times those of y */
        top[r] = r < mine ? y[rest + y_line + first + r] : 0;
        for (int j = 0; j < head_v && r < mine; j++)
            total[r] = fma(g[g_line + (first + r) * g_row + j], y[(y_line + first + r) * head_v + j], total[r]);
#endif
    }
    const int begin = PART == KEY_GRAD && CAUSAL ? first / TILE * TILE : 0;
    const int end = PART != KEY_GRAD && CAUSAL ? min(others, first + mine) : others;
    for (int at = begin; at < end; at += TILE) {
        const int n = min(TILE, others - at);
        barrier(CLK_LOCAL_MEM_FENCE);
#if PART == KEY_GRAD
        NAME(fetch)(other, q, q_line + at * q_row, q_row, n, head, factor);
        for (int r = lane; r < TILE; r += SIDE * SIDE) {
            top[r] = r < n ? y[rest + y_line + at + r] : 0;
            total[r] = 0;
            for (int j = 0; j < head_v && r < n; j++)
                total[r] = fma(g[g_line + (at + r) * g_row + j], y[(y_line + at + r) * head_v + j], total[r]);
        }
#else
        NAME(fetch)(other, k, k_line + at * k_row, k_row, n, head, 1);
#endif
        barrier(CLK_LOCAL_MEM_FENCE);
        NAME(dot)(scores, own, other, head);
        EACH(i, ITEMS) EACH(j, ITEMS) {
            const int query = PART == KEY_GRAD ? at + OTHER(j) : first + MINE(i);
            const int key = PART == KEY_GRAD ? first + MINE(i) : at + OTHER(j);
            ACC score = scores[i][j];
#if MASK
            if (query < queries && key < keys)
                score = MASKED(score, mask_first + b * mask_b + h * mask_h + query * mask_row + key);
#endif
            if (query >= queries || key >= keys || (CAUSAL && query < key))
                score = -INFINITY;
            scores[i][j] = score;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
#if PART == FORWARD
        EACH(i, ITEMS) EACH(j, ITEMS) weights[MINE(i)][OTHER(j)] = scores[i][j];
        NAME(fetch)(other, v, v_line + at * v_row, v_row, n, head_v, 1);
        barrier(CLK_LOCAL_MEM_FENCE);
        ACC fading[ITEMS], highest[ITEMS], added[ITEMS];
        EACH(i, ITEMS) { /* all items of a row find the same numbers */
            const ACC before = top[MINE(i)];
            highest[i] = before;
            for (int c = 0; c < TILE; c++)
                highest[i] = MAXIMUM(highest[i], weights[MINE(i)][c]);
            const ACC shift = highest[i] == (ACC)(-INFINITY) ? 0 : highest[i];
            fading[i] = exp(before - shift);
            EACH(j, ITEMS) scores[i][j] = exp(scores[i][j] - shift);
            EACH(s, COLUMNS) sums[i][s] *= fading[i];
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        EACH(i, ITEMS) EACH(j, ITEMS) weights[MINE(i)][OTHER(j)] = scores[i][j];
        barrier(CLK_LOCAL_MEM_FENCE);
        EACH(i, ITEMS) {
            added[i] = 0;
            for (int c = 0; c < TILE; c++)
                added[i] += weights[MINE(i)][c];
            if (tx == 0) {
                top[MINE(i)] = highest[i];
                total[MINE(i)] = total[MINE(i)] * fading[i] + added[i];
            }
        }
        NAME(gather)(sums, weights, other, head_v);
#else
        ACC slopes[ITEMS][ITEMS];
#if PART == QUERY_GRAD
        NAME(fetch)(other, v, v_line + at * v_row, v_row, n, head_v, 1);
#else
        NAME(fetch)(other, g, g_line + at * g_row, g_row, n, head_v, 1);
#endif
        barrier(CLK_LOCAL_MEM_FENCE);
        NAME(dot)(slopes, own_g, other, head_v);
        EACH(i, ITEMS) EACH(j, ITEMS) {
            const int query = PART == KEY_GRAD ? OTHER(j) : MINE(i);
            scores[i][j] = exp(scores[i][j] - top[query]);
            slopes[i][j] = scores[i][j] * (slopes[i][j] - total[query]);
        }
#if PART == KEY_GRAD
        EACH(i, ITEMS) EACH(j, ITEMS) weights[MINE(i)][OTHER(j)] = scores[i][j];
        barrier(CLK_LOCAL_MEM_FENCE);
        NAME(gather)(value_sums, weights, other, head_v);
#endif
        barrier(CLK_LOCAL_MEM_FENCE);
        EACH(i, ITEMS) EACH(j, ITEMS) weights[MINE(i)][OTHER(j)] = slopes[i][j];
#if PART == QUERY_GRAD
        NAME(fetch)(other, k, k_line + at * k_row, k_row, n, head, 1);
#else
        NAME(fetch)(other, q, q_line + at * q_row, q_row, n, head, factor);
#endif
        barrier(CLK_LOCAL_MEM_FENCE);
        NAME(gather)(sums, weights, other, head);
#endif
    }
#if PART == FORWARD
    barrier(CLK_LOCAL_MEM_FENCE);
    EACH(i, ITEMS) {
        const ACC sum = total[MINE(i)], share = sum == 0 ? 0 : 1 / sum;
        EACH(s, COLUMNS) sums[i][s] *= share;
        if (tx == 0 && MINE(i) < mine)
            out[rest + y_line + first + MINE(i)] = sum == 0 ? 0 : top[MINE(i)] + log(sum);
    }
    NAME(give)(out, (y_line + first) * head_v, sums, mine, head_v, 1);
#elif PART == QUERY_GRAD
    const size_t before = lines * keys * (head + head_v);
    NAME(give)(out, before + (y_line + first) * head, sums, mine, head, factor);
#else
    NAME(give)(out, (line * keys + first) * head, sums, mine, head, 1);
    NAME(give)(out, lines * keys * head + (line * keys + first) * head_v, value_sums, mine, head_v, 1);
#endif
}
