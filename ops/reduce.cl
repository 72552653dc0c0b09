/* reduce.cl: folds some dims of a domain, with the elementwise body that makes the elements inside the loop.
 *
 * Twins: tinygrad_cl/primitives/reduce.py, tinygrad_cl/functional/reduce.py.
 *
 * The domain's dims are kept or folded. `kept` counts the results, `folds` the combinations of all folded dims but the
 * innermost one.
 *   INNER: the innermost dim is folded; a work-group makes results one after another, VEC lanes run along `cols`.
 *   OUTER: the innermost dim is kept; VEC lanes are VEC neighboring results, the loop runs over `folds`. Where several
 *          registers of results lie side by side, rows are read from end to end and the sums lie in private memory.
 *
 * Holes
 *   PARAMS             parameters of the body and of the epilogue, each after a comma
 *   ELEMENT(j, n)      the register with n elements that start at position j of the innermost dim
 *   UNRAVEL_KEPT(k)    declares the indices of the kept dims (OUTER: all but the innermost)
 *   UNRAVEL_FOLD(f)    declares the indices of the folded dims (INNER: all but the innermost)
 *   EPILOGUE(value, at, n)  receives n results that start at result `at`; stores them
 *   KIND_T, KIND_V     the elements' type: of a lane, of a register; KIND_MASK and KIND_SELECT are its macros
 *   KIND_FOLD(acc, x), KIND_IDENTITY, KIND_ACROSS(acc)   the fold: of registers, from what, across the lanes of one
 *   RESULT_T, RESULT_V the results' type
 *   ARG_OVER(a, b)     defined for argmax (a > b) and argmin (a < b): the result is a position, and the first one wins
 *   COMPENSATED        defined for sums of floats: BLOCK registers are added up, then join the whole sum exactly
 *   OVER(acc, x)       defined for the maximum and minimum of floats (INNER): the fold of numbers; a NaN is looked for
 *                      beside it, which leaves one instruction that waits for the one before
 * Shared LANEWISE: KIND_V KIND_FOLD KIND_IDENTITY
 * Tunables
 *   UNROLL  registers in flight (INNER)
 *   LANES   work-items that share one INNER result through local memory (1 on a CPU)
 *   SHUFFLES  defined if the lanes of a sub-group can read each other's registers: the last folds need no barriers then
 *
 * Sizes: kept (INNER: results; OUTER: rows of `cols` results), folds, cols, chunk (results, or spans of them, of a
 * work-group), part (folds that one slice takes; INNER with one fold: columns; get_group_id(1) is the slice, and its
 * results lie `stride` after the previous slice's), span (OUTER: registers of results side by side, at most SPAN).
 */
#ifndef PARAMS
#define PARAMS , __global const float *p0, __global float *q0
#define INNER
#define ELEMENT(j, n) LOADP_float(p0, k * cols + (j), n)
#define UNRAVEL_KEPT(k)
#define UNRAVEL_FOLD(f)
#define EPILOGUE(value, at, n) STOREP_float(value, q0, at, n)
#define KIND_T float
#define KIND_V V_f32
#define KIND_MASK MASK_f32
#define KIND_SELECT SELECT_f32
#define KIND_FOLD(acc, x) ((acc) + (x))
#define KIND_IDENTITY SPLAT_f32(0.0f)
#define KIND_ACROSS(acc) HFOLD_sum_f32(acc)
#define RESULT_T float
#define RESULT_V V_f32
#endif
#ifndef UNROLL
#define UNROLL 1
#endif
#ifndef LANES
#define LANES 1
#endif
#define SPAN 64  /* registers of results side by side */
#define BLOCK 16 /* registers added up before they join the whole sum */
#define NARROW 4 /* registers side by side that are not worth private memory */
#if VEC > 1 && LANES == 1 && !defined(ARG_OVER)
#define AT_ONCE /* the lanes of VEC results are folded at once (INNER) */
#endif
/* A NaN replaces every number; among equals the first stays. */
#define ARG_BETTER(x, best) (KIND_MASK(ARG_OVER(x, best)) | (KIND_MASK((x) != (x)) & KIND_MASK((best) == (best))))
#define ARG_SAME(x, y) ((x) == (y) || ((x) != (x) && (y) != (y)))
#define ARG_BEATS(x, at, best, place) \
    (ARG_OVER(x, best) || ((x) != (x) && (best) == (best)) || (ARG_SAME(x, best) && (at) < (place)))

#ifdef COMPENSATED
/* Adds a block to a sum (Kahan 1965): `lost` is what rounding has taken from it; an infinite sum loses nothing. */
static inline void NAME(join)(KIND_V *whole, KIND_V *lost, const KIND_V block)
{
    const KIND_V exact = block - *lost, sum = *whole + exact, rest = (sum - *whole) - exact;
    *lost = KIND_SELECT(KIND_MASK(rest == rest), rest, KIND_IDENTITY);
    *whole = sum;
}
#define JOIN(whole, lost, acc)               \
    do {                                     \
        NAME(join)(&(whole), &(lost), acc);  \
        acc = KIND_IDENTITY;                 \
    } while (0)
#else
#define JOIN(whole, lost, acc)
#endif

#ifdef SHUFFLES
#pragma OPENCL EXTENSION cl_khr_subgroup_shuffle_relative : enable
#define TOGETHER min((int)get_max_sub_group_size(), LANES)
#else
#define TOGETHER 1
#endif

#ifndef LANEWISE
#define LANEWISE NAME(folds)
#define LANEWISE_FIRST 1
#endif
#if LANEWISE_FIRST
#if VEC > 1
/* Lane r is the fold of the lanes of rows[r], in the order of KIND_ACROSS, for all rows at once: the halves of two
 * registers are interleaved and folded, until one is left. */
__attribute__((noinline)) static KIND_V LANEWISE(KIND_V *rows)
{
    for (int step = VEC / 2; step > 0; step /= 2)
        for (int i = 0; i < step; i++) {
            KIND_V low, high;
            low.even = rows[i].lo;
            low.odd = rows[i + step].lo;
            high.even = rows[i].hi;
            high.odd = rows[i + step].hi;
            rows[i] = KIND_FOLD(low, high);
        }
    return rows[0];
}
#endif
#endif

#ifdef OVER
#define JOINED(acc, x) OVER(acc, x)
#define TAKE(acc, x) (odd |= KIND_MASK((x) != (x)), acc = OVER(acc, x))
#else
#define JOINED(acc, x) KIND_FOLD(acc, x)
#define TAKE(acc, x) (acc = KIND_FOLD(acc, x))
#endif

/* Folds UNROLL registers at a time, from column j on. */
#define FOLD_UNTIL(stop)                                                            \
    for (; j + UNROLL * VEC <= (stop); j += LANES * UNROLL * VEC) {                 \
        __attribute__((opencl_unroll_hint(UNROLL)))                                 \
        for (int u = 0; u < UNROLL; u++) {                                          \
            const KIND_V x = ELEMENT(j + u * VEC, VEC);                             \
            TAKE(acc[u], x);                                                        \
        }                                                                           \
    }

VECTOR_KERNEL __kernel void KERNEL(const long kept, const long folds, const long columns, const long chunk,
                                   const long part, const long stride, const long span PARAMS)
{
    const size_t cols = columns;
    const size_t slice = get_group_id(1) * stride;
#ifdef INNER
    const int across = folds == 1; /* slices divide the columns */
    const size_t first_fold = across ? 0 : get_group_id(1) * part;
    const size_t first_col = across ? get_group_id(1) * part : 0;
    const size_t last_col = across ? min(cols, first_col + part) : cols;
#else
    const size_t first_fold = get_group_id(1) * part;
#endif
    const size_t last_fold = min((size_t)folds, first_fold + part);
#if LANES > 1
    const size_t lane = get_local_id(0);
    __local RESULT_T shared[LANES];
#ifdef ARG_OVER
    __local KIND_T shared_best[LANES];
#endif
#else
    const size_t lane = 0;
#endif

#ifdef INNER
    const size_t end = min((size_t)kept, (get_group_id(0) + 1) * chunk);
    for (size_t block = get_group_id(0) * chunk; block < end; block += VEC) {
        union { RESULT_T lanes[VEC]; RESULT_V all; } results;
        results.all = (RESULT_V)(0);
        const int count = (int)min((size_t)VEC, end - block);
#ifdef AT_ONCE
        const int together = count >= VEC / 2;
        KIND_V rows[VEC];
#endif
        for (int r = 0; r < count; r++) {
            const size_t k = block + r;
            UNRAVEL_KEPT(k)
#ifdef ARG_OVER
            KIND_V best = KIND_IDENTITY;
            V_i64 where = SPLAT_i64(-1);
            for (size_t j = lane * VEC; j < cols; j += LANES * VEC) {
                const int n = (int)min((size_t)VEC, cols - j);
                const KIND_V x = ELEMENT(j, n);
                const V_i64 at = INDEX_i64(j, 1);
                const V_b take = LANES_BELOW(n) & (MASK_i64(where < 0) | ARG_BETTER(x, best));
                best = KIND_SELECT(take, x, best);
                where = SELECT_i64(take, at, where);
            }
            union { KIND_T lanes[VEC]; KIND_V all; } found;
            union { long lanes[VEC]; V_i64 all; } places;
            found.all = best;
            places.all = where;
            KIND_T top = found.lanes[0];
            long place = places.lanes[0];
            for (int i = 1; i < VEC; i++)
                if (places.lanes[i] >= 0 && (place < 0 || ARG_BEATS(found.lanes[i], places.lanes[i], top, place))) {
                    top = found.lanes[i];
                    place = places.lanes[i];
                }
#if LANES > 1
            shared[lane] = place;
            shared_best[lane] = top;
            for (int span = LANES / 2; span > 0; span /= 2) {
                barrier(CLK_LOCAL_MEM_FENCE);
                if (lane < (size_t)span && shared[lane + span] >= 0
                    && (shared[lane] < 0
                        || ARG_BEATS(shared_best[lane + span], shared[lane + span], shared_best[lane], shared[lane]))) {
                    shared[lane] = shared[lane + span];
                    shared_best[lane] = shared_best[lane + span];
                }
            }
            barrier(CLK_LOCAL_MEM_FENCE);
            place = shared[0];
            barrier(CLK_LOCAL_MEM_FENCE);
#endif
            results.lanes[r] = max(place, 0L);
#else
            KIND_V acc[UNROLL];
            for (int u = 0; u < UNROLL; u++)
                acc[u] = KIND_IDENTITY;
#ifdef OVER
            V_b odd = (V_b)(0);
#endif
#ifdef COMPENSATED
            KIND_V whole = KIND_IDENTITY, lost = KIND_IDENTITY;
            size_t held = 0;
#endif
            for (size_t f = first_fold; f < last_fold; f++) {
                UNRAVEL_FOLD(f)
                size_t j = first_col + lane * VEC;
#ifdef COMPENSATED
                while (j + UNROLL * VEC <= last_col) {
                    const size_t stop = min(last_col, j + BLOCK * LANES * UNROLL * VEC);
                    held += stop - j;
                    FOLD_UNTIL(stop)
                    if (held >= BLOCK * LANES * UNROLL * VEC) {
                        for (int u = 1; u < UNROLL; u++) {
                            acc[0] = KIND_FOLD(acc[0], acc[u]);
                            acc[u] = KIND_IDENTITY;
                        }
                        JOIN(whole, lost, acc[0]);
                        held = 0;
                    }
                }
#else
                FOLD_UNTIL(last_col)
#endif
#if UNROLL > 1
                for (; j + VEC <= last_col; j += VEC) {
                    const KIND_V x = ELEMENT(j, VEC);
                    TAKE(acc[0], x);
                }
#endif
                if (j < last_col) {
                    const int n = (int)(last_col - j);
                    const KIND_V all = ELEMENT(j, n), x = KIND_SELECT(LANES_BELOW(n), all, KIND_IDENTITY);
                    TAKE(acc[0], x);
                }
#ifdef COMPENSATED
                if (cols < UNROLL * VEC && f % BLOCK == BLOCK - 1)
                    JOIN(whole, lost, acc[0]);
#endif
            }
            for (int u = 1; u < UNROLL; u++)
                acc[0] = JOINED(acc[0], acc[u]);
#ifdef OVER
            acc[0] = KIND_SELECT(odd, (KIND_V)(NAN), acc[0]);
#endif
#ifdef COMPENSATED
            JOIN(whole, lost, acc[0]);
            acc[0] = whole;
#endif
#if LANES > 1
            shared[lane] = KIND_ACROSS(acc[0]);
            int span = LANES / 2;
            for (; span >= TOGETHER; span /= 2) {
                barrier(CLK_LOCAL_MEM_FENCE);
                if (lane < (size_t)span)
                    shared[lane] = KIND_FOLD(shared[lane], shared[lane + span]);
            }
#ifdef SHUFFLES
            if (get_sub_group_id() == 0) { /* lanes from 0 on; each has written what it reads */
                RESULT_T mine = shared[lane];
                for (; span > 0; span /= 2) {
                    const RESULT_T other = sub_group_shuffle_down(mine, (uint)span);
                    mine = KIND_FOLD(mine, other);
                }
                if (lane == 0)
                    shared[0] = mine;
            }
#endif
            barrier(CLK_LOCAL_MEM_FENCE);
            results.lanes[r] = shared[0];
            barrier(CLK_LOCAL_MEM_FENCE);
#elif defined(AT_ONCE)
            if (together)
                rows[r] = acc[0];
            else
                results.lanes[r] = KIND_ACROSS(acc[0]);
#else
            results.lanes[r] = KIND_ACROSS(acc[0]);
#endif
#endif
        }
#ifdef AT_ONCE
        if (together) {
            for (int r = count; r < VEC; r++)
                rows[r] = rows[0];
            results.all = LANEWISE(rows);
        }
#endif
        if (lane == 0) {
            EPILOGUE(results.all, slice + block, count);
        }
    }
#else /* OUTER */
    const size_t spans = (cols + span * VEC - 1) / (span * VEC);
    const size_t end = min((size_t)kept * spans, (get_global_id(0) + 1) * chunk);
    for (size_t block = get_global_id(0) * chunk; block < end; block++) {
        const size_t k = block / spans;
        const size_t left = block % spans * span * VEC, right = min(cols, left + span * VEC);
        size_t j = left;
        UNRAVEL_KEPT(k)
#if VEC > 1 && !defined(ARG_OVER)
        const int wide = (int)((right - left) / VEC);
        if (wide > NARROW) {
            KIND_V acc[SPAN];
            for (int u = 0; u < wide; u++)
                acc[u] = KIND_IDENTITY;
#ifdef COMPENSATED
            KIND_V whole[SPAN], lost[SPAN];
            for (int u = 0; u < wide; u++)
                whole[u] = lost[u] = KIND_IDENTITY;
#endif
            for (size_t f = first_fold; f < last_fold; f++) {
                UNRAVEL_FOLD(f)
                __attribute__((opencl_unroll_hint(1)))
                for (int u = 0; u < wide; u++) {
                    const KIND_V x = ELEMENT(left + u * VEC, VEC);
                    acc[u] = KIND_FOLD(acc[u], x);
                }
#ifdef COMPENSATED
                if (f % BLOCK == BLOCK - 1 || f + 1 == last_fold)
                    for (int u = 0; u < wide; u++)
                        JOIN(whole[u], lost[u], acc[u]);
#endif
            }
            for (int u = 0; u < wide; u++) {
#ifdef COMPENSATED
                acc[u] = whole[u];
#endif
                EPILOGUE(acc[u], slice + k * cols + left + u * VEC, VEC);
            }
            j += wide * VEC;
        }
#endif
        for (; j < right; j += VEC) {
            const int n = (int)min((size_t)VEC, right - j);
#ifdef ARG_OVER
            KIND_V best = KIND_IDENTITY;
            V_i64 where = SPLAT_i64(-1);
            for (size_t f = first_fold; f < last_fold; f++) {
                UNRAVEL_FOLD(f)
                const KIND_V x = ELEMENT(j, n);
                const V_b take = MASK_i64(where < 0) | ARG_BETTER(x, best);
                best = KIND_SELECT(take, x, best);
                where = SELECT_i64(take, SPLAT_i64((long)f), where);
            }
            EPILOGUE(where, slice + k * cols + j, n);
#else
            KIND_V acc = KIND_IDENTITY, whole = KIND_IDENTITY, lost = KIND_IDENTITY;
            if (n == VEC) {
                for (size_t f = first_fold; f < last_fold; f++) {
                    UNRAVEL_FOLD(f)
                    const KIND_V x = ELEMENT(j, VEC);
                    acc = KIND_FOLD(acc, x);
                    if (f % BLOCK == BLOCK - 1)
                        JOIN(whole, lost, acc);
                }
            } else {
                for (size_t f = first_fold; f < last_fold; f++) {
                    UNRAVEL_FOLD(f)
                    const KIND_V x = ELEMENT(j, n);
                    acc = KIND_FOLD(acc, x);
                    if (f % BLOCK == BLOCK - 1)
                        JOIN(whole, lost, acc);
                }
            }
#ifdef COMPENSATED
            JOIN(whole, lost, acc);
            acc = whole;
#endif
            EPILOGUE(acc, slice + k * cols + j, n);
#endif
        }
    }
#endif
}

#undef UNROLL
#undef LANES
#undef SPAN
#undef BLOCK
#undef NARROW
#undef AT_ONCE
#undef LANEWISE
#undef LANEWISE_FIRST
#undef JOIN
#undef TOGETHER
#undef FOLD_UNTIL
#undef JOINED
#undef TAKE
#undef ARG_BETTER
#undef ARG_SAME
#undef ARG_BEATS
