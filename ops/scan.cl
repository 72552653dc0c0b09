/* scan.cl: running sums, products, linear recurrences, log-sum-exps, and positions of running extremes.
 *
 * Twins: tinygrad_cl/primitives/scan.py, tinygrad_cl/functional/scan.py.
 *
 * x and the output are (outer, size, inner). A work-item takes VEC neighboring lines of one outer position and walks
 * along `size`, from its end if `reverse`. Everything is carried in registers of the tag ACC and rounded when stored.
 *
 * Macros
 *   TAG, IO_T     register tag and storage type of x
 *   ACC           register tag of what is carried: TAG, or f64 for a more exact sum of floats
 *   OUT_T         storage type of the output: IO_T, or long for positions
 *   SCAN_SUM      out[k] = out[k-1] + x[k]
 *   SCAN_PROD     out[k] = out[k-1] * x[k]
 *   SCAN_LINEAR   out[k] = x[k] * out[k-1] + b[k]
 *   SCAN_LOGSUM   out[k] = log(exp(out[k-1]) + exp(x[k]))
 *   SCAN_WHERE    out[k] = the position of the last extreme of x[0..k], or of the last NaN; OVER(a, b) is >= or <=
 *   VEC           lines of a register; 1 on a GPU and where few lines are neighbors
 */
#ifndef TAG
#define TAG f32
#define IO_T float
#define ACC f32
#define OUT_T float
#define SCAN_SUM
#endif

#define REGISTER CAT(V_, ACC)
#define FETCH(p, at, n) CAT(CAT(CAST_, TAG), CAT(_, ACC))(CAT(LOADP_, IO_T)(p, at, n))
#define ROUND(value) CAT(CAT(CAST_, ACC), CAT(_, TAG))(value)
#define MASK(comparison) CAT(MASK_, ACC)(comparison)
#define CHOOSE(mask, a, b) CAT(SELECT_, ACC)(mask, a, b)
#define SPLAT(number) CAT(SPLAT_, ACC)(number)

VECTOR_KERNEL __kernel void KERNEL(__global OUT_T *out, __global const IO_T *x,
#ifdef SCAN_LINEAR
                                   __global const IO_T *b,
#endif
                                   const int reverse, const long outer, const long size, const long inner)
{
    const size_t blocks = (inner + VEC - 1) / VEC;
    for (size_t unit = get_global_id(0); unit < outer * blocks; unit += get_global_size(0)) {
        const size_t j = (unit % blocks) * VEC;
        const size_t first = (unit / blocks) * size * inner + j;
        const int n = (int)min((size_t)VEC, inner - j);
#ifdef SCAN_PROD
        REGISTER carried = SPLAT(1);
#else
        REGISTER carried = SPLAT(0);
#endif
#ifdef SCAN_LOGSUM
        REGISTER top = SPLAT(-INFINITY);
#endif
#ifdef SCAN_WHERE
        V_i64 place = SPLAT_i64(0);
#endif
        for (long k = 0; k < size; k++) {
            const size_t at = first + (reverse ? size - 1 - k : k) * inner;
            const REGISTER v = FETCH(x, at, n);
#ifdef SCAN_SUM
            carried = carried + v;
#endif
#ifdef SCAN_PROD
            carried = carried * v;
#endif
#ifdef SCAN_LINEAR
            const REGISTER w = FETCH(b, at, n);
            carried = k ? v * carried + w : w;
#endif
#ifdef SCAN_LOGSUM
            /* The largest element so far is taken out of the sum; an infinite one is not. */
            const REGISTER highest = MAXIMUM(top, v);
            const REGISTER shift = CHOOSE(MASK(fabs(highest) == INFINITY), SPLAT(0), highest);
            carried = carried * exp(top - shift) + exp(v - shift);
            top = highest;
            CAT(STOREP_, OUT_T)(ROUND(shift + log(carried)), out, at, n);
#elif defined(SCAN_WHERE)
            const V_b take = SPLAT_b(k ? 0 : -1) | MASK(v != v) | (MASK(carried == carried) & MASK(OVER(v, carried)));
            carried = CHOOSE(take, v, carried);
            place = SELECT_i64(take, SPLAT_i64(k), place);
            CAT(STOREP_, OUT_T)(place, out, at, n);
#else
            CAT(STOREP_, OUT_T)(ROUND(carried), out, at, n);
#endif
        }
    }
}

#undef TAG
#undef IO_T
#undef ACC
#undef OUT_T
#undef REGISTER
#undef FETCH
#undef ROUND
#undef MASK
#undef CHOOSE
#undef SPLAT
