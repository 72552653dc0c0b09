/* scan.cl: running sums, products, linear recurrences, log-sum-exps, and positions of running extremes.
 *
 * Twins: tinygrad_cl/primitives/scan.py (plans: plans_scan.py), tinygrad_cl/functional/scan.py.
 *
 * x and the output are (outer, size, inner). A work-item takes VEC neighboring lines of one outer position and walks
 * along `size`, from its end if `reverse`. Everything is carried in registers of the tag ACC and rounded when stored.
 *
 * Where lines are few they are cut into `parts` of `part` elements: a first pass (TOTALS) stores what each part comes
 * to, and the second begins every part with what those before it came to, joined in order.
 *
 * Macros
 *   TAG, IO_T     register tag and storage type of x
 *   ACC, ACC_T    register tag and type of what is carried: that of x, or f64 for a more exact sum of floats
 *   OUT_T         storage type of the output: IO_T, or long for positions
 *   SCAN_SUM      out[k] = out[k-1] + x[k]
 *   SCAN_PROD     out[k] = out[k-1] * x[k]
 *   SCAN_LINEAR   out[k] = x[k] * out[k-1] + b[k]
 *   SCAN_LOGSUM   out[k] = log(exp(out[k-1]) + exp(x[k]))
 *   SCAN_WHERE    out[k] = the position of the last extreme of x[0..k], or of the last NaN; OVER(a, b) is >= or <=
 *   ALONG         1: a register holds neighbors of one line (SCAN_SUM, inner is 1), summed in log2(VEC) steps
 *   PASS          0: the only one; 1: the first of two, which makes totals; 2: the second
 *   VEC           elements of a register; 1 on a GPU and where few lines are neighbors
 */
#ifndef TAG
#define TAG f32
#define IO_T float
#define ACC f32
#define ACC_T float
#define OUT_T float
#define SCAN_SUM
#endif
#ifndef ALONG
#define ALONG 0
#endif
#ifndef PASS
#define PASS 0
#endif

#define REGISTER CAT(V_, ACC)
#define FETCH(p, at, n) CAT(CAT(CAST_, TAG), CAT(_, ACC))(CAT(LOADP_, IO_T)(p, at, n))
#define ROUND(value) CAT(CAT(CAST_, ACC), CAT(_, TAG))(value)
#define MASK(comparison) CAT(MASK_, ACC)(comparison)
#define CHOOSE(mask, a, b) CAT(SELECT_, ACC)(mask, a, b)
#define SPLAT(number) CAT(SPLAT_, ACC)(number)

/* What is carried from element to element: `carried`, and `more` beside it. STEP takes one element, or what a part
 * comes to, into it; RESULT is what is stored. */
#if defined(SCAN_LOGSUM)
/* The largest element so far (`more`) is taken out of the sum; an infinite one is not. */
#define MORE_T ACC_T
#define MORE REGISTER
#define BEGIN SPLAT(0), more = SPLAT(-INFINITY)
#define STEP(v, share, k)                                                              \
    {                                                                                  \
        const REGISTER highest = MAXIMUM(more, v);                                     \
        const REGISTER shift = CHOOSE(MASK(fabs(highest) == INFINITY), SPLAT(0), highest); \
        carried = carried * exp(more - shift) + (share) * exp((v) - shift);            \
        more = highest;                                                                \
    }
#define JOIN(value, other) STEP(other, value, 0)
#define RESULT ROUND(CHOOSE(MASK(fabs(more) == INFINITY), SPLAT(0), more) + log(carried))
#elif defined(SCAN_WHERE)
#define MORE_T long
#define MORE V_i64
#define BEGIN SPLAT(0); V_i64 more = SPLAT_i64(-1)
#define STEP(v, share, k)                                                              \
    {                                                                                  \
        const V_b take = MASK_i64(more < SPLAT_i64(0)) | MASK((v) != (v))              \
            | (MASK(carried == carried) & MASK(OVER(v, carried)));                     \
        carried = CHOOSE(take, v, carried);                                            \
        more = SELECT_i64(take, k, more);                                              \
    }
#define JOIN(value, other) STEP(value, 1, other)
#define RESULT more
#else
#define RESULT ROUND(carried)
#ifdef SCAN_PROD
#define BEGIN SPLAT(1)
#define STEP(v, share, k) carried = carried * (v);
#elif defined(SCAN_LINEAR)
#define BEGIN SPLAT(0)
#define STEP(v, share, k) carried = (k) ? (v) * carried + (share) : (share);
#else
#define BEGIN SPLAT(0)
#define STEP(v, share, k) carried = carried + (v);
#endif
#define JOIN(value, other) STEP(value, 1, 0)
#endif

#if ALONG
/* The lanes moved up or down by some places. */
#if VEC == 16
#define UP1(v) (0, v.s01234567, v.s89ab, v.scd, v.se)
#define UP2(v) (0, 0, v.s01234567, v.s89ab, v.scd)
#define UP4(v) (0, 0, 0, 0, v.s01234567, v.s89ab)
#define UP8(v) (0, 0, 0, 0, 0, 0, 0, 0, v.s01234567)
#define DOWN1(v) (v.s12345678, v.s9abc, v.sde, v.sf, 0)
#define DOWN2(v) (v.s23456789, v.sabcd, v.sef, 0, 0)
#define DOWN4(v) (v.s456789ab, v.scdef, 0, 0, 0, 0)
#define DOWN8(v) (v.s89abcdef, 0, 0, 0, 0, 0, 0, 0, 0)
#define LAST(v) v.sf
#define SHIFTS(MOVE) SUM_OF(MOVE, 1) SUM_OF(MOVE, 2) SUM_OF(MOVE, 4) SUM_OF(MOVE, 8)
#elif VEC == 8
#define UP1(v) (0, v.s0123, v.s45, v.s6)
#define UP2(v) (0, 0, v.s0123, v.s45)
#define UP4(v) (0, 0, 0, 0, v.s0123)
#define DOWN1(v) (v.s1234, v.s56, v.s7, 0)
#define DOWN2(v) (v.s2345, v.s67, 0, 0)
#define DOWN4(v) (v.s4567, 0, 0, 0, 0)
#define LAST(v) v.s7
#define SHIFTS(MOVE) SUM_OF(MOVE, 1) SUM_OF(MOVE, 2) SUM_OF(MOVE, 4)
#else
#define UP1(v) (0, v.s01, v.s2)
#define UP2(v) (0, 0, v.s01)
#define DOWN1(v) (v.s12, v.s3, 0)
#define DOWN2(v) (v.s23, 0, 0)
#define LAST(v) v.s3
#define SHIFTS(MOVE) SUM_OF(MOVE, 1) SUM_OF(MOVE, 2)
#endif
#define SUM_OF(MOVE, places) v = v + (REGISTER) MOVE##places(v);

/* Sums of the lanes up to each one, or from each one on. */
static inline REGISTER NAME(along)(REGISTER v, const int reverse)
{
    if (reverse) {
        SHIFTS(DOWN)
    } else {
        SHIFTS(UP)
    }
    return v;
}
#endif

VECTOR_KERNEL __kernel void KERNEL(
#if PASS != 1
    __global OUT_T *out,
#endif
    __global const IO_T *x,
#ifdef SCAN_LINEAR
    __global const IO_T *b,
#endif
#if PASS
    __global ACC_T *totals,
#ifdef MORE
    __global MORE_T *more_totals,
#endif
#endif
    const int reverse, const long outer, const long size, const long inner, const long parts, const long part)
{
    const size_t blocks = ALONG ? 1 : (inner + VEC - 1) / VEC, units = outer * blocks;
    for (size_t task = get_global_id(0); task < units * parts; task += get_global_size(0)) {
        const size_t unit = task % units, j = (unit % blocks) * VEC;
        const size_t first = (unit / blocks) * size * inner + j;
        const int n = (int)min((size_t)VEC, inner - j);
        const long begin = task / units * part, end = min(size, begin + part);
        REGISTER carried = BEGIN;
#if PASS == 2
        for (size_t before = unit; before < task; before += units) {
            const REGISTER value = CAT(LOADP_, ACC_T)(totals, before * VEC, VEC);
#ifdef MORE
            const MORE other = CAT(LOADP_, MORE_T)(more_totals, before * VEC, VEC);
#endif
            JOIN(value, other)
        }
#endif
#if ALONG
        for (long k = begin; k < end; k += VEC) {
            const int m = (int)min((long)VEC, end - k);
            const size_t at = first + (reverse ? size - k - m : k);
            REGISTER v = FETCH(x, at, m);
#if PASS == 1
            carried = carried + v;
#else
            v = NAME(along)(v, reverse) + carried;
            CAT(STOREP_, OUT_T)(ROUND(v), out, at, m);
            carried = (REGISTER)(reverse ? v.s0 : LAST(v));
#endif
        }
#if PASS == 1
        carried = (REGISTER)(CAT(HFOLD_sum_, ACC)(carried));
#endif
#else
        for (long k = begin; k < end; k++) {
            const size_t at = first + (reverse ? size - 1 - k : k) * inner;
            const REGISTER v = FETCH(x, at, n);
#ifdef SCAN_LINEAR
            const REGISTER w = FETCH(b, at, n);
            STEP(v, w, k)
#elif defined(SCAN_WHERE)
            STEP(v, 1, SPLAT_i64(k))
#else
            STEP(v, 1, k)
#endif
#if PASS != 1
            CAT(STOREP_, OUT_T)(RESULT, out, at, n);
#endif
        }
#endif
#if PASS == 1
        CAT(STOREP_, ACC_T)(carried, totals, task * VEC, VEC);
#ifdef MORE
        CAT(STOREP_, MORE_T)(more, more_totals, task * VEC, VEC);
#endif
#endif
    }
}

#undef TAG
#undef IO_T
#undef ACC
#undef ACC_T
#undef OUT_T
#undef REGISTER
#undef FETCH
#undef ROUND
#undef MASK
#undef CHOOSE
#undef SPLAT
