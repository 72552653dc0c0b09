/* bfloat.cl: bfloat16, the upper half of a float: stored so, loaded into f32 registers. It comes once per program, after
 * prelude.cl, if a kernel uses it.
 *
 * Twins: prelude.cl (whose names these are, for the storage type `bfloat`), tinygrad_cl/dtypes.py.
 *
 * Floats are rounded to the nearest bfloat16, ties to even: half a unit of the last place that stays is added, or one
 * less where that place is 0. This carries into the exponent, and to infinity. A NaN stays one, with its sign.
 */
typedef ushort bfloat;

#define DEFINE_ROUNDED(V, U, AS_U)                                      \
    OVERLOAD U rounded_bits(const V value)                              \
    {                                                                   \
        const U bits = AS_U(value);                                     \
        const U up = bits + 0x7FFFu + ((bits >> 16) & 1u);              \
        return value != value ? (U)(bits | 0x400000u) : up;             \
    }
DEFINE_ROUNDED(float, uint, as_uint)
DEFINE_ROUNDED(float4, uint4, as_uint4)
DEFINE_ROUNDED(float8, uint8, as_uint8)
DEFINE_ROUNDED(float16, uint16, as_uint16)

#define FROM_bfloat(bits) WIDE(as_float)(WIDE(convert_uint)(bits) << 16)
#define TO_bfloat(value) WIDE(convert_ushort)(rounded_bits(value) >> 16)
#define ROUND_bfloat(value) WIDE(as_float)(rounded_bits(value) & 0xFFFF0000u)

#define LOADP_bfloat(p, at, n) FROM_bfloat(LOAD_RUN(ushort, p, at, n))
#define LOADR_bfloat(p, at, n) FROM_bfloat(LOAD_NEAR(ushort, p, at, n))
#define LOADSP_bfloat(p, at, stride, n) FROM_bfloat(LOAD_LANES(ushort, p, at, stride, 0, n))
#define LOADB_bfloat(p, at, stride, first, last) FROM_bfloat(LOAD_LANES(ushort, p, at, stride, first, last))
#define LOAD1_bfloat(p, at) as_float((uint)(p)[at] << 16)

#define STOREP_bfloat(value, p, at, n) STORE_RUN(ushort, TO_bfloat(value), p, at, n)
#define STREAMP_bfloat(value, p, at, n) STREAM_LANES(ushort, TO_bfloat(value), p, at, n)
#define STORESP_bfloat(value, p, at, stride, n) STORE_LANES(ushort, TO_bfloat(value), p, at, stride, n)
