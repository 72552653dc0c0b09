/* vector.cl: functions of registers, for the VEC of this place. It comes after prelude.cl, whenever VEC has changed.
 *
 * Twins: prelude.cl, tinygrad_cl/primitives/elementwise.py (whose expressions call some of these).
 *
 * Functions are overloaded over the widths; each width is defined once, however often this file is included.
 */
#if !defined(VECTOR_16) && VEC == 16
#define VECTOR_16
#define FRESH
#elif !defined(VECTOR_8) && VEC == 8
#define VECTOR_8
#define FRESH
#elif !defined(VECTOR_4) && VEC == 4
#define VECTOR_4
#define FRESH
#elif !defined(VECTOR_1) && VEC == 1
#define VECTOR_1
#define FRESH
#elif VEC != 16 && VEC != 8 && VEC != 4 && VEC != 1
#error "VEC must be 16, 8, 4 or 1"
#endif
#ifdef FRESH

#if VEC > 1
OVERLOAD V_b as_mask(V_b c)
{
    return c;
}

OVERLOAD V_b as_mask(V_i64 c)
{
    return WIDE(convert_int)(c);
}

OVERLOAD V_b as_mask(WIDE(char) c)
{
    return WIDE(convert_int)(c);
}
#endif

/* ---- Memory ---- */

/* A loop over the lanes of a register becomes one masked instruction where the compiler can be told so. */
#ifdef INTEL_CPU
#define PRAGMA_(text) _Pragma(#text)
#define PRAGMA(text) PRAGMA_(text)
#define LANE_LOOP PRAGMA(clang loop unroll(disable) vectorize_width(VEC) interleave(disable))
#else
#define LANE_LOOP __attribute__((opencl_unroll_hint))
#endif

/* Compiled once, however often they are called: functions that are long and seldom needed. (With one lane they are
 * short.) */
#undef RARE
#if VEC == 1
#define RARE static inline
#else
#define RARE __attribute__((noinline)) static
#endif

/* The first n lanes of a register at p; lanes first..last-1 of one whose lane i lies at p[i * stride]. The others are
 * 0, and not touched in memory. Rows often end in a part of a register, so storing one is worth its length. */
#define DEFINE_PARTS(T)                                                                                        \
    static inline WIDE(T) WIDE(near_load_##T)(__global const T *p, const int n)                                \
    {                                                                                                          \
        union { WIDE(T) all; T lanes[VEC]; } out;                                                              \
        LANE_LOOP                                                                                              \
        for (int i = 0; i < VEC; i++)                                                                          \
            out.lanes[i] = i < n ? p[i] : (T)(0);                                                              \
        return out.all;                                                                                        \
    }                                                                                                          \
    RARE WIDE(T) WIDE(part_load_##T)(__global const T *p, const int n)                                         \
    {                                                                                                          \
        return WIDE(near_load_##T)(p, n);                                                                      \
    }                                                                                                          \
    static inline void WIDE(part_store_##T)(const WIDE(T) value, __global T *p, const int n)                   \
    {                                                                                                          \
        union { WIDE(T) all; T lanes[VEC]; } in;                                                               \
        in.all = value;                                                                                        \
        LANE_LOOP                                                                                              \
        for (int i = 0; i < VEC; i++)                                                                          \
            if (i < n)                                                                                         \
                p[i] = in.lanes[i];                                                                            \
    }                                                                                                          \
    RARE WIDE(T) WIDE(load_lanes_##T)(__global const T *p, const long stride, const int first, const int last) \
    {                                                                                                          \
        union { WIDE(T) all; T lanes[VEC]; } out;                                                              \
        LANE_LOOP                                                                                              \
        for (int i = 0; i < VEC; i++)                                                                          \
            out.lanes[i] = i >= first && i < last ? p[i * stride] : (T)(0);                                    \
        return out.all;                                                                                        \
    }                                                                                                          \
    RARE void WIDE(store_lanes_##T)(const WIDE(T) value, __global T *p, const long stride, const int n)        \
    {                                                                                                          \
        union { WIDE(T) all; T lanes[VEC]; } in;                                                               \
        in.all = value;                                                                                        \
        LANE_LOOP                                                                                              \
        for (int i = 0; i < VEC; i++)                                                                          \
            if (i < n)                                                                                         \
                p[i * stride] = in.lanes[i];                                                                   \
    }
DEFINE_PARTS(float)
DEFINE_PARTS(int)
DEFINE_PARTS(long)
DEFINE_PARTS(uchar)
DEFINE_PARTS(ushort)
#ifdef HAVE_FP64
DEFINE_PARTS(double)
#endif

/* Halves are only stored: their bits come and go as ushorts. */
static inline V_f32 WIDE(bits_to_float)(const WIDE(ushort) bits)
{
    return WIDE(vload_half)(0, (const half *)&bits);
}

static inline WIDE(ushort) WIDE(float_to_bits)(const V_f32 value)
{
    WIDE(ushort) bits;
    CAT(WIDE(vstore_half), _rte)(value, 0, (half *)&bits);
    return bits;
}

/* ---- Arithmetic ---- */

/* Quotients are rounded down and remainders have the divisor's sign, as in Python. An integer divided by 0 gives 0; the
 * processor would trap on that, and on the least integer divided by -1. */
#define DEFINE_DIVISION(V)                                                            \
    OVERLOAD V floor_divide(const V a, const V b)                                     \
    {                                                                                 \
        const V safe = ((b == 0) | (b == -1)) ? (V)(1) : b;                           \
        const V quotient = a / safe, rest = a - quotient * safe;                      \
        const V down = ((rest != 0) & ((rest ^ safe) < 0)) ? quotient - 1 : quotient; \
        return b == -1 ? 0 - a : (b == 0 ? (V)(0) : down);                            \
    }                                                                                 \
    OVERLOAD V floor_remainder(const V a, const V b)                                     \
    {                                                                                 \
        const V safe = ((b == 0) | (b == -1)) ? (V)(1) : b;                           \
        const V rest = a % safe;                                                      \
        return ((rest != 0) & ((rest ^ safe) < 0)) ? rest + safe : rest;              \
    }
DEFINE_DIVISION(V_i32)
DEFINE_DIVISION(V_i64)

OVERLOAD V_u8 floor_divide(const V_u8 a, const V_u8 b)
{
    const V_u8 none = (V_u8)(0), safe = b == none ? (V_u8)(1) : b;
    return b == none ? none : (V_u8)(a / safe);
}

OVERLOAD V_u8 floor_remainder(const V_u8 a, const V_u8 b)
{
    return a % (b == (V_u8)(0) ? (V_u8)(1) : b);
}

#define DEFINE_FLOAT_DIVISION(V)                                                    \
    OVERLOAD V floor_divide(const V a, const V b)                                   \
    {                                                                               \
        const V rest = fmod(a, b), exact = (a - rest) / b;                          \
        const V down = ((rest != 0) & ((rest < 0) != (b < 0))) ? exact - 1 : exact; \
        const V whole = floor(down), nearest = down - whole > 0.5f ? whole + 1 : whole; \
        return b == 0 ? a / b : (down == 0 ? copysign((V)(0), a / b) : nearest);    \
    }                                                                               \
    OVERLOAD V floor_remainder(const V a, const V b)                                   \
    {                                                                               \
        const V rest = fmod(a, b), moved = ((rest < 0) != (b < 0)) ? rest + b : rest; \
        return rest == 0 ? copysign((V)(0), b) : moved;                             \
    }
DEFINE_FLOAT_DIVISION(V_f32)
#ifdef HAVE_FP64
DEFINE_FLOAT_DIVISION(V_f64)
#endif

/* By squaring; a negative power is 0, or that of 1 or -1. BITS covers every exponent. */
#define DEFINE_POWER(V, BITS)                                                         \
    OVERLOAD V integer_power(const V a, const V b)                                    \
    {                                                                                 \
        V power = (V)(1), square = a;                                                 \
        for (int i = 0; i < BITS; i++) {                                              \
            power = ((b >> (V)(i)) & (V)(1)) != (V)(0) ? (V)(power * square) : power; \
            square *= square;                                                         \
        }                                                                             \
        const V odd = b & (V)(1);                                                     \
        const V minus = a == (V)(-1) ? (V)((V)(1) - odd - odd) : (V)(0);              \
        return b < (V)(0) ? (a == (V)(1) ? (V)(1) : minus) : power;                   \
    }
DEFINE_POWER(V_i32, 31)
DEFINE_POWER(V_i64, 63)
DEFINE_POWER(V_u8, 8)

/* erf(x) = x P(x^2) / Q(x^2), fitted on |x| <= 3.83 for the least relative error (1.4e-8; 3.6e-7 after rounding);
 * beyond, erf rounds to 1. The built-in of Intel's runtime takes four times as long. */
OVERLOAD V_f32 rational_erf(const V_f32 x)
{
    const V_f32 low = x < -3.83f ? (V_f32)(-3.83f) : x, y = low > 3.83f ? (V_f32)(3.83f) : low, t = y * y;
    V_f32 p = fma(t, (V_f32)(2.125270612e-06f), (V_f32)(2.859839879e-04f));
    p = fma(fma(p, t, (V_f32)(3.649776801e-03f)), t, (V_f32)(5.240996554e-02f));
    p = fma(fma(p, t, (V_f32)(1.872251183e-01f)), t, (V_f32)(1.128379107e+00f));
    V_f32 q = fma(t, (V_f32)(3.892232780e-05f), (V_f32)(1.141178887e-03f));
    q = fma(fma(q, t, (V_f32)(1.473654434e-02f)), t, (V_f32)(1.128683090e-01f));
    q = fma(fma(q, t, (V_f32)(4.992568493e-01f)), t, (V_f32)(1.0f));
    const V_f32 value = y * p / q;
    return value > 1.0f ? (V_f32)(1.0f) : (value < -1.0f ? (V_f32)(-1.0f) : value);
}

/* exp(x) = 2^n exp(r) with a polynomial of degree 5 (2.1 ulp), in registers: the built-in of Intel's runtime is a call
 * that reads ten registers of constants each time, and takes a third longer. It does what is left: lanes whose
 * results are next to too large, too small, or not finite. */
#if VEC > 1 && defined(INTEL_CPU)
OVERLOAD V_f32 exponential(const V_f32 x)
{
    const V_f32 shifted = fma(x, (V_f32)(1.44269504f), (V_f32)(12582912.0f)), n = shifted - 12582912.0f; /* rounds */
    const V_f32 r = fma(n, (V_f32)(2.12194440e-4f), fma(n, (V_f32)(-0.693359375f), x));
    V_f32 p = fma(r, (V_f32)(8.290288970e-03f), (V_f32)(4.189806804e-02f));
    p = fma(fma(p, r, (V_f32)(1.666763723e-01f)), r, (V_f32)(4.999915063e-01f));
    p = fma(fma(p, r, (V_f32)(9.999997020e-01f)), r, (V_f32)(1.0f));
    p = WIDE(as_float)(WIDE(as_int)(p) + (WIDE(as_int)(shifted) << 23));
    const V_b far = !(fabs(x) < 87.0f);
    return any(far) ? (far ? exp(x) : p) : p;
}
#else
OVERLOAD V_f32 exponential(const V_f32 x)
{
    return exp(x);
}
#endif
#ifdef HAVE_FP64
OVERLOAD V_f64 exponential(const V_f64 x)
{
    return exp(x);
}
#endif

/* ---- Indices ---- */

/* Reports the last lane whose index is bad. */
RARE void WIDE(report_bad)(const V_i64 index, const V_i64 size, const V_i64 bad, __global int *flags, const int code)
{
    union { V_i64 all; long lanes[VEC]; } at, end, is_bad;
    at.all = index;
    end.all = size;
    is_bad.all = bad;
    for (int i = 0; i < VEC; i++)
        if (is_bad.lanes[i])
            REPORT_INDEX(flags, code, at.lanes[i], end.lanes[i]);
}

OVERLOAD int any_lane(const V_i64 mask)
{
#if VEC == 1
    return mask != 0;
#else
    return any(mask);
#endif
}

/* Negative indices count from the end; one out of range is reported and becomes 0. */
OVERLOAD V_i64 check_index(const V_i64 index, const V_i64 size, __global int *flags, const int code)
{
    const V_i64 at = index < 0 ? index + size : index, bad = (V_i64)((at < 0) | (at >= size));
    if (any_lane(bad))
        WIDE(report_bad)(index, size, bad, flags, code);
    return bad ? (V_i64)(0) : at;
}

/* Labels from 0 to size - 1 pass, `ignore` becomes -1; any other is reported and becomes -1. */
OVERLOAD V_i64 check_label(
    const V_i64 label, const V_i64 size, const V_i64 ignore, __global int *flags, const int code)
{
    const V_i64 outside = (V_i64)((label < 0) | (label >= size)), skipped = (V_i64)(label == ignore);
    const V_i64 bad = outside & (V_i64)(label != ignore);
    if (any_lane(bad))
        WIDE(report_bad)(label, size, bad, flags, code);
    return (outside | skipped) ? (V_i64)(-1) : label;
}

/* ---- Folds of the lanes of one register ---- */

#undef DEFINE_FOLD
#if VEC == 1
#define DEFINE_FOLD(T, KIND, FOLD)     \
    OVERLOAD T fold_##KIND(const T v)  \
    {                                  \
        return v;                      \
    }
#else
#if VEC == 16
#define TO_FOUR(T, FOLD) const T##8 e = FOLD(v.lo, v.hi); const T##4 q = FOLD(e.lo, e.hi);
#elif VEC == 8
#define TO_FOUR(T, FOLD) const T##4 q = FOLD(v.lo, v.hi);
#else
#define TO_FOUR(T, FOLD) const T##4 q = v;
#endif
#define DEFINE_FOLD(T, KIND, FOLD)           \
    OVERLOAD T fold_##KIND(const WIDE(T) v)  \
    {                                        \
        TO_FOUR(T, FOLD)                     \
        const T##2 d = FOLD(q.lo, q.hi);     \
        return FOLD(d.x, d.y);               \
    }
#endif
#define DEFINE_FOLDS(T)             \
    DEFINE_FOLD(T, sum, FOLD_SUM)   \
    DEFINE_FOLD(T, prod, FOLD_PROD) \
    DEFINE_FOLD(T, max, MAXIMUM)    \
    DEFINE_FOLD(T, min, MINIMUM)
DEFINE_FOLDS(float)
DEFINE_FOLDS(int)
DEFINE_FOLDS(long)
DEFINE_FOLDS(uchar)
#ifdef HAVE_FP64
DEFINE_FOLDS(double)
#endif
DEFINE_FOLD(int, any, FOLD_ANY)
DEFINE_FOLD(int, all, FOLD_ALL)

#undef TO_FOUR
#undef FRESH
#endif
