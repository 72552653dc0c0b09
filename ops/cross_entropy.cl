/* cross_entropy.cl: what rows of logits lose against a class each, the gradients of these losses, or both.
 *
 * Twins: tinygrad_cl/primitives/cross_entropy.py, tinygrad_cl/functional/loss.py.
 *
 * With m the maximum of a row and s = sum(exp(x - m)), loss = log(s) - (x[label] - m), and share j of the gradient is
 * exp(x[j] - m) / s - (j == label). Rows whose label is `ignore` give 0; so do rows whose label is no class, which are
 * reported. Some rows at a time go through three passes, none of which waits for another row's end: their maxima, their
 * exponentials and sums, their shares.
 *
 * Holes
 *   EPILOGUE(value, row, j, n)  takes n shares of a row
 * Macros
 *   LOSSES, SHARES        1: these are wanted
 *   T_, TAG, SCALAR       storage type, register tag and type of a lane
 *   LANES                 work-items that share a row (1 on a CPU)
 *   KEPT                  registers of exponentials that a work-item keeps for the shares, those of two rows at least;
 *                         0: they are taken twice
 */
#ifndef LOSSES
#define LOSSES 1
#define SHARES 1
#define T_ float
#define TAG f32
#define SCALAR float
#define LANES 1
#define KEPT 128
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

#if KEPT
#define HOLD(j, value) kept[r * registers + (j) / VEC] = value
#define SHARE(j, n) (kept[r * registers + (j) / VEC] / sum)
#else
#define HIT(j) as_mask((V_b)(LANE_NUMBERS) == (int)(label - (long)(j)))
#define HOLD(j, value)
#define SHARE(j, n) NAME(less_one)(exponential(READ(j, n) - top) / sum, HIT(j))
static inline V NAME(less_one)(const V share, const V_b hit)
{
    return CAT(SELECT_, TAG)(hit, share - 1, share);
}
#endif

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
#if KEPT
    V kept[KEPT];
#endif
    const size_t columns = classes, groups = get_global_size(0) / LANES;
    const size_t last = rows * (get_group_id(0) + 1) / groups;
    const size_t registers = (columns + VEC - 1) / VEC, fitting = max((size_t)2, KEPT / 2 / registers);
    const size_t together = min((size_t)VEC, fitting);
    for (size_t block = rows * get_group_id(0) / groups; block < last; block += together) {
        const int count = (int)min(together, last - block);
        union { SCALAR lanes[VEC]; V all; } tops, sums, chosen;
        int known[VEC];
        sums.all = (V)(1);
        chosen.all = (V)(0);
        __global const T_ *row = x + block * columns;
        for (int r = 0; r < count; r++, row += columns) {
            V parts[CHAINS];
            for (int u = 0; u < CHAINS; u++)
                parts[u] = (V)(-INFINITY);
            size_t j = lane * VEC;
            for (; j + CHAINS * VEC <= columns; j += LANES * CHAINS * VEC)
                EACH_CHAIN {
                    const V value = READ(j + u * VEC, VEC);
                    parts[u] = LARGER(value, parts[u]);
                }
            for (; j < columns; j += LANES * VEC) {
                const int n = (int)min((size_t)VEC, columns - j);
                const V value = ONLY(n, READ(j, n), parts[0]);
                parts[0] = LARGER(value, parts[0]);
            }
            for (int u = 1; u < CHAINS; u++)
                parts[0] = LARGER(parts[0], parts[u]);
            SCALAR top = CAT(HFOLD_max_, TAG)(parts[0]);
            ACROSS(top, LARGER);
            tops.lanes[r] = top;
        }
        row = x + block * columns;
        for (int r = 0; r < count; r++, row += columns) {
            const SCALAR top = tops.lanes[r];
            V whole = (V)(0), parts[CHAINS];
            for (int u = 0; u < CHAINS; u++)
                parts[u] = (V)(0);
            size_t j = lane * VEC;
            for (int step = 1; j + CHAINS * VEC <= columns; j += LANES * CHAINS * VEC, step++) {
                EACH_CHAIN {
                    const V value = exponential(READ(j + u * VEC, VEC) - top);
                    parts[u] += value;
                    HOLD(j + u * VEC, value);
                }
                if (step % BLOCK == 0)
                    EACH_CHAIN {
                        whole += parts[u];
                        parts[u] = (V)(0);
                    }
            }
            for (; j < columns; j += LANES * VEC) {
                const int n = (int)min((size_t)VEC, columns - j);
                const V value = ONLY(n, exponential(READ(j, n) - top), (V)(0));
                parts[0] += value;
                HOLD(j, value);
            }
            for (int u = 0; u < CHAINS; u++)
                whole += parts[u];
            SCALAR sum = CAT(HFOLD_sum_, TAG)(whole);
            ACROSS(sum, FOLD_SUM);
            const long label = labels[block + r];
            known[r] = label >= 0 && label < classes && label != ignore;
            if (!known[r] && label != ignore)
                REPORT_INDEX(flags, code, label, classes);
            if (known[r]) {
                sums.lanes[r] = sum;
                chosen.lanes[r] = CAT(LOAD1_, T_)(row, label) - top;
#if KEPT
                ((SCALAR *)(kept + r * registers))[label] -= sum;
#endif
            }
        }
#if SHARES
        row = x + block * columns;
        for (int r = 0; r < count; r++, row += columns) {
            const SCALAR top = tops.lanes[r], sum = sums.lanes[r];
            const long label = labels[block + r];
            size_t j = lane * VEC;
            if (known[r]) {
                for (; j + VEC <= columns; j += LANES * VEC) {
                    const V value = SHARE(j, VEC);
                    EPILOGUE(value, block + r, j, VEC);
                }
                if (j < columns) {
                    const V value = SHARE(j, (int)(columns - j));
                    EPILOGUE(value, block + r, j, (int)(columns - j));
                }
            } else {
                for (; j < columns; j += LANES * VEC) {
                    EPILOGUE((V)(0), block + r, j, (int)min((size_t)VEC, columns - j));
                }
            }
        }
#endif
#if LOSSES
        if (lane == 0)
            CAT(STOREP_, T_)(log(sums.all) - chosen.all, losses, block, count);
#endif
    }
}
