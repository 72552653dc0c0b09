/* cross_entropy.cl: what rows of logits lose against a class each, the gradients of these losses, or both.
 *
 * Twins: tinygrad_cl/primitives/cross_entropy.py, tinygrad_cl/functional/loss.py.
 *
 * With m the maximum of a row and s = sum(exp(x - m)), loss = log(s) - (x[label] - m), and share j of the gradient is
 * exp(x[j] - m) / s - (j == label). Rows whose label is `ignore` give 0; so do rows whose label is no class, which are
 * reported. A row is read three times, from a cache if it is not very long.
 *
 * Holes
 *   EPILOGUE(value, row, j, n)  takes n shares of a row
 * Macros
 *   LOSSES, SHARES        1: these are wanted
 *   T_, TAG, SCALAR       storage type, register tag and type of a lane
 *   LANES                 work-items that share a row (1 on a CPU)
 *   KEPT                  registers of exponentials that a work-item keeps for the shares; the others are taken twice
 */
#ifndef LOSSES
#define LOSSES 1
#define SHARES 1
#define T_ float
#define TAG f32
#define SCALAR float
#define LANES 1
#define KEPT 64
#endif
#ifndef EPILOGUE
#define EPILOGUE(value, row, j, n) CAT(STOREP_, T_)(value, shares, (row) * columns + (j), n)
#endif
#ifndef EPILOGUE_PARAMS
#define EPILOGUE_PARAMS
#define EPILOGUE_ARGS
#endif

#define V CAT(V_, TAG)
#define LARGER(a, b) ((a) > (b) ? (a) : (b))
#define BLOCK 16 /* registers added up before they join the whole sum */
#define CHAINS (VEC > 1 ? 4 : 1) /* maxima that do not wait for one another */
#define EACH_CHAIN __attribute__((opencl_unroll_hint(CHAINS))) for (int u = 0; u < CHAINS; u++)
#define READ(j, n) CAT(LOADR_, T_)(row, j, n)
#define ONLY(n, value, rest) CAT(SELECT_, TAG)(LANES_BELOW(n), value, rest)
#if LANES > 1
#define ACROSS(value, FOLD)                                                \
    do {                                                                   \
        shared[lane] = value;                                              \
        for (int span = LANES / 2; span > 0; span /= 2) {                  \
            barrier(CLK_LOCAL_MEM_FENCE);                                  \
            if (lane < (size_t)span)                                       \
                shared[lane] = FOLD(shared[lane], shared[lane + span]);    \
        }                                                                  \
        barrier(CLK_LOCAL_MEM_FENCE);                                      \
        value = shared[0];                                                 \
        barrier(CLK_LOCAL_MEM_FENCE);                                      \
    } while (0)
#else
#define ACROSS(value, FOLD)
#endif

#if SHARES && KEPT
#define HOLD(j, value)          \
    if ((j) < KEPT * VEC)       \
        kept[(j) / VEC] = value;
#define HELD(j, n) ((j) < KEPT * VEC ? kept[(j) / VEC] : exp(READ(j, n) - top))
#else
#define HOLD(j, value)
#define HELD(j, n) exp(READ(j, n) - top)
#endif
#define HIT(j) as_mask((V_b)(LANE_NUMBERS) == (int)(label - (long)(j)))
#define SHARE(j, n) NAME(less_one)(HELD(j, n) / sum, HIT(j))

static inline V NAME(less_one)(const V share, const V_b hit)
{
    return CAT(SELECT_, TAG)(hit, share - 1, share);
}

VECTOR_KERNEL __kernel void KERNEL(
#if SHARES
    __global T_ *shares,
#endif
#if LOSSES
    __global T_ *losses,
#endif
    __global const T_ *x, __global const long *labels, __global int *flags, const int code, const long ignore,
    const long rows, const long classes EPILOGUE_PARAMS)
{
#if LANES > 1
    __local SCALAR shared[LANES];
    const size_t lane = get_local_id(0);
#else
    const size_t lane = 0;
#endif
#if SHARES && KEPT
    V kept[KEPT];
#endif
    const size_t columns = classes, groups = get_global_size(0) / LANES;
    const size_t last = rows * (get_group_id(0) + 1) / groups;
    for (size_t block = rows * get_group_id(0) / groups; block < last; block += VEC) {
        const int count = (int)(last - block < VEC ? last - block : VEC);
#if LOSSES
        union { SCALAR lanes[VEC]; V all; } sums, chosen;
        sums.all = (V)(1);
        chosen.all = (V)(0);
#endif
        for (int r = 0; r < count; r++) {
            __global const T_ *row = x + (block + r) * columns;
            const long label = labels[block + r];
            const int known = label >= 0 && label < classes && label != ignore;
            if (!known && label != ignore)
                REPORT_INDEX(flags, code, label, classes);
            V tops[CHAINS];
            for (int u = 0; u < CHAINS; u++)
                tops[u] = (V)(-INFINITY);
            size_t j = lane * VEC;
            for (; j + CHAINS * VEC <= columns; j += LANES * CHAINS * VEC)
                EACH_CHAIN {
                    const V value = READ(j + u * VEC, VEC);
                    tops[u] = LARGER(value, tops[u]);
                }
            for (; j < columns; j += LANES * VEC) {
                const int n = (int)min((size_t)VEC, columns - j);
                const V value = ONLY(n, READ(j, n), tops[0]);
                tops[0] = LARGER(value, tops[0]);
            }
            for (int u = 1; u < CHAINS; u++)
                tops[0] = LARGER(tops[0], tops[u]);
            SCALAR top = CAT(HFOLD_max_, TAG)(tops[0]);
            ACROSS(top, LARGER);
            V whole = (V)(0), part = (V)(0);
            for (j = lane * VEC; j + VEC <= columns; j += LANES * VEC) {
                const V value = exp(READ(j, VEC) - top);
                part += value;
                HOLD(j, value);
                if (j / VEC % BLOCK == BLOCK - 1) {
                    whole += part;
                    part = (V)(0);
                }
            }
            if (j < columns) {
                const int n = (int)(columns - j);
                const V value = ONLY(n, exp(READ(j, n) - top), (V)(0));
                part += value;
                HOLD(j, value);
            }
            SCALAR sum = CAT(HFOLD_sum_, TAG)(whole + part);
            ACROSS(sum, FOLD_SUM);
#if LOSSES
            if (known) {
                sums.lanes[r] = sum;
                chosen.lanes[r] = CAT(LOAD1_, T_)(row, label) - top;
            }
#endif
#if SHARES
            if (known) {
                for (j = lane * VEC; j + VEC <= columns; j += LANES * VEC) {
                    const V value = SHARE(j, VEC);
                    EPILOGUE(value, block + r, j, VEC);
                }
                if (j < columns) {
                    const V value = SHARE(j, (int)(columns - j));
                    EPILOGUE(value, block + r, j, (int)(columns - j));
                }
            } else {
                for (j = lane * VEC; j < columns; j += LANES * VEC) {
                    EPILOGUE((V)(0), block + r, j, (int)min((size_t)VEC, columns - j));
                }
            }
#endif
        }
#if LOSSES
        if (lane == 0)
            CAT(STOREP_, T_)(log(sums.all) - chosen.all, losses, block, count);
#endif
    }
}
