/* prelude.cl: names that every kernel may use, for registers of any width. It comes once per program.
 *
 * Twins: vector.cl (the functions behind some of these names, for one width after another),
 * tinygrad_cl/primitives/elementwise.py and tinygrad_cl/compiler/render.py (which write these names).
 *
 * A register holds VEC lanes (16, 8, 4 or 1) of one dtype, named by a tag: f32 float, f64 double, i32 int, i64 long,
 * u8 uchar, and b, a mask of ints that are 0 or -1. Every macro expands where it is used, with the VEC of that place:
 * after `#define VEC 8` the same names mean registers of 8 lanes. Arguments are evaluated more than once.
 *
 * Other names end in a storage type (float double int long uchar half bool): half is loaded into f32, bool (uchar 0 or
 * 1 in memory) into b. A pointer `p`, an offset `at` in elements, a number of lanes `n` (at most VEC):
 *
 *   V_<tag>                                a register
 *   LOADP_<storage>(p, at, n)              n elements from p[at] on; the other lanes are 0
 *   LOADR_<storage>(p, at, n)              the same, faster and longer: for short rows, whose ends are often met
 *   LOADSP_<storage>(p, at, stride, n)     the elements p[at + i * stride]
 *   LOADB_<storage>(p, at, stride, first, last)  lanes first..last-1 of these, the other lanes are 0
 *   LOAD1_<storage>(p, at)                 one element, as SPLAT wants it
 *   STOREP_<storage>(value, p, at, n)      the first n lanes; nothing else is touched
 *   STREAMP_<storage>(value, p, at, n)     the same, for what is too large to stay in a cache
 *   STORESP_<storage>(value, p, at, stride, n)
 *   SPLAT_<tag>(scalar)                    a register with that value in every lane
 *   SCALAR_<tag>(scalars, slot)            a number from the plan's block of 8-byte slots
 *   INDEX_i64(base, stride)                base + i * stride in lane i
 *   MASK_<tag>(comparison)                 the mask of a comparison of two <tag> registers
 *   SELECT_<tag>(mask, if_true, if_false)  lane by lane
 *   CAST_<tag>_<tag>(x)                    from the first to the second
 *   ROUND_half(x)                          an f32 register rounded to what half can hold
 *   FOLD_<kind>_<tag>(acc, x)              joins two registers. Kinds: sum prod max min; any all (b only)
 *   HFOLD_<kind>_<tag>(v)                  joins the lanes of one into a scalar
 *   IDENTITY_<kind>_<tag>                  the scalar that changes nothing
 *
 * Macros
 *   HAVE_FP64  defined by the runtime if the device has doubles
 *   INTEL_CPU  defined by the runtime on Intel's CPU runtime
 *   VEC        lanes of a register
 *   KERNEL     the name of the kernel; NAME(x) makes the names of its functions
 */
#ifdef HAVE_FP64
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
#endif
#ifndef VEC
#define VEC 16
#endif
#ifndef KERNEL
#define KERNEL standalone
#endif

#define CAT_(a, b) a##b
#define CAT(a, b) CAT_(a, b)
#define NAME__(kernel, x) kernel##_##x
#define NAME_(kernel, x) NAME__(kernel, x)
#define NAME(x) NAME_(KERNEL, x)

/* Kernels written with vectors: Intel's compiler must not vectorize them over work-items once more. */
#ifdef INTEL_CPU
#define VECTOR_KERNEL __attribute__((intel_vec_len_hint(1)))
#else
#define VECTOR_KERNEL
#endif

/* A type or built-in of VEC lanes (not by CAT, which then could not be used around it). OpenCL C has no names for one
 * lane, so nothing is appended then. A runtime may rename its built-ins by macros; that of vload is in the way here. */
#define PASTED(name, suffix) name##suffix
#define SUFFIXED(name, suffix) PASTED(name, suffix)
#define WIDE__(name, n) SUFFIXED(name, SUFFIX_##n)
#define WIDE_(name, n) WIDE__(name, n)
#define WIDE(name) WIDE_(name, VEC)
#define SUFFIX_1
#define SUFFIX_4 4
#define SUFFIX_8 8
#define SUFFIX_16 16
#undef vload
#undef vstore
#define vload(i, p) ((p)[i])
#define vstore(value, i, p) ((p)[i] = (value))

#define V_f32 WIDE(float)
#define V_f64 WIDE(double)
#define V_i32 WIDE(int)
#define V_i64 WIDE(long)
#define V_u8 WIDE(uchar)
#define V_b WIDE(int)

/* ---- Lanes ---- */

#define LANES_1 0
#define LANES_4 0, 1, 2, 3
#define LANES_8 LANES_4, 4, 5, 6, 7
#define LANES_16 LANES_8, 8, 9, 10, 11, 12, 13, 14, 15
#define NUMBERS_(n) LANES_##n
#define NUMBERS(n) NUMBERS_(n)
#define LANE_NUMBERS NUMBERS(VEC)
#define LANES_BELOW(n) as_mask((V_b)(LANE_NUMBERS) < (int)(n))
#define INDEX_i64(base, stride) ((V_i64)((long)(base)) + (V_i64)((long)(stride)) * (V_i64)(LANE_NUMBERS))

/* Where bounds cut a register that starts at index j: its lanes first..last-1 lie in low..high-1. */
#define INSIDE(i, low, high) ((long)(i) >= (long)(low) && (long)(i) < (long)(high))
#define FIRST_LANE(j, low) ((int)clamp((long)(low) - (long)(j), 0L, (long)VEC))
#define LAST_LANE(j, high, n) ((int)clamp((long)(high) - (long)(j), 0L, (long)(n)))

#define SPLAT_f32(s) ((V_f32)((float)(s)))
#define SPLAT_f64(s) ((V_f64)((double)(s)))
#define SPLAT_i32(s) ((V_i32)((int)(s)))
#define SPLAT_i64(s) ((V_i64)((long)(s)))
#define SPLAT_u8(s) ((V_u8)((uchar)(s)))
#define SPLAT_b(s) ((V_b)((int)(s)))

#define SCALAR_AT(T, scalars, slot) (*(__global const T *)((scalars) + 8 * (size_t)(slot)))
#define SCALAR_f32(scalars, slot) SCALAR_AT(float, scalars, slot)
#define SCALAR_f64(scalars, slot) SCALAR_AT(double, scalars, slot)
#define SCALAR_i32(scalars, slot) SCALAR_AT(int, scalars, slot)
#define SCALAR_i64(scalars, slot) SCALAR_AT(long, scalars, slot)
#define SCALAR_u8(scalars, slot) SCALAR_AT(uchar, scalars, slot)
#define SCALAR_b(scalars, slot) SCALAR_AT(int, scalars, slot)

/* ---- Loads and stores: a full register in one run is one instruction; nothing outside the lanes is touched ---- */

#define IS_RUN(stride, first, last) ((stride) == 1 && (first) == 0 && (last) == VEC)
#define LOAD_RUN(T, p, at, n) ((n) == VEC ? WIDE(vload)(0, (p) + (at)) : WIDE(part_load_##T)((p) + (at), n))
#define LOAD_NEAR(T, p, at, n) ((n) == VEC ? WIDE(vload)(0, (p) + (at)) : WIDE(near_load_##T)((p) + (at), n))
#define STORE_RUN(T, value, p, at, n)                        \
    ((n) == VEC ? (void)(WIDE(vstore)(value, 0, (p) + (at))) \
                : WIDE(part_store_##T)(value, (p) + (at), n))
#define LOAD_LANES(T, p, at, stride, first, last)             \
    (IS_RUN(stride, first, last) ? WIDE(vload)(0, (p) + (at)) \
                                 : WIDE(load_lanes_##T)((p) + (at), stride, first, last))
#define STORE_LANES(T, value, p, at, stride, n)                        \
    (IS_RUN(stride, 0, n) ? (void)(WIDE(vstore)(value, 0, (p) + (at))) \
                          : WIDE(store_lanes_##T)(value, (p) + (at), stride, n))

#define FROM_half(bits) WIDE(bits_to_float)(bits)
#define TO_half(value) WIDE(float_to_bits)(value)
#define ROUND_half(value) FROM_half(TO_half(value))
#define HALF_BITS(p) ((__global const ushort *)(p))
#define HALF_PLACE(p) ((__global ushort *)(p))
#define FROM_bool(bytes) as_mask((bytes) != (V_u8)(0))
#define TO_bool(mask) WIDE(convert_uchar)((mask) & (V_b)(1))

#define LOADP_float(p, at, n) LOAD_RUN(float, p, at, n)
#define LOADP_double(p, at, n) LOAD_RUN(double, p, at, n)
#define LOADP_int(p, at, n) LOAD_RUN(int, p, at, n)
#define LOADP_long(p, at, n) LOAD_RUN(long, p, at, n)
#define LOADP_uchar(p, at, n) LOAD_RUN(uchar, p, at, n)
#define LOADP_half(p, at, n) FROM_half(LOAD_RUN(ushort, HALF_BITS(p), at, n))
#define LOADP_bool(p, at, n) FROM_bool(LOAD_RUN(uchar, p, at, n))

#define LOADR_float(p, at, n) LOAD_NEAR(float, p, at, n)
#define LOADR_double(p, at, n) LOAD_NEAR(double, p, at, n)
#define LOADR_int(p, at, n) LOAD_NEAR(int, p, at, n)
#define LOADR_long(p, at, n) LOAD_NEAR(long, p, at, n)
#define LOADR_uchar(p, at, n) LOAD_NEAR(uchar, p, at, n)
#define LOADR_half(p, at, n) FROM_half(LOAD_NEAR(ushort, HALF_BITS(p), at, n))
#define LOADR_bool(p, at, n) FROM_bool(LOAD_NEAR(uchar, p, at, n))

#define LOADSP_float(p, at, stride, n) LOAD_LANES(float, p, at, stride, 0, n)
#define LOADSP_double(p, at, stride, n) LOAD_LANES(double, p, at, stride, 0, n)
#define LOADSP_int(p, at, stride, n) LOAD_LANES(int, p, at, stride, 0, n)
#define LOADSP_long(p, at, stride, n) LOAD_LANES(long, p, at, stride, 0, n)
#define LOADSP_uchar(p, at, stride, n) LOAD_LANES(uchar, p, at, stride, 0, n)
#define LOADSP_half(p, at, stride, n) FROM_half(LOAD_LANES(ushort, HALF_BITS(p), at, stride, 0, n))
#define LOADSP_bool(p, at, stride, n) FROM_bool(LOAD_LANES(uchar, p, at, stride, 0, n))

#define LOADB_float(p, at, stride, first, last) LOAD_LANES(float, p, at, stride, first, last)
#define LOADB_double(p, at, stride, first, last) LOAD_LANES(double, p, at, stride, first, last)
#define LOADB_int(p, at, stride, first, last) LOAD_LANES(int, p, at, stride, first, last)
#define LOADB_long(p, at, stride, first, last) LOAD_LANES(long, p, at, stride, first, last)
#define LOADB_uchar(p, at, stride, first, last) LOAD_LANES(uchar, p, at, stride, first, last)
#define LOADB_half(p, at, stride, first, last) FROM_half(LOAD_LANES(ushort, HALF_BITS(p), at, stride, first, last))
#define LOADB_bool(p, at, stride, first, last) FROM_bool(LOAD_LANES(uchar, p, at, stride, first, last))

#define LOAD1_float(p, at) ((p)[at])
#define LOAD1_double(p, at) ((p)[at])
#define LOAD1_int(p, at) ((p)[at])
#define LOAD1_long(p, at) ((p)[at])
#define LOAD1_uchar(p, at) ((p)[at])
#define LOAD1_half(p, at) vload_half((size_t)(at), p)
#define LOAD1_bool(p, at) (-(int)((p)[at] != 0))

#define STOREP_float(value, p, at, n) STORE_RUN(float, value, p, at, n)
#define STOREP_double(value, p, at, n) STORE_RUN(double, value, p, at, n)
#define STOREP_int(value, p, at, n) STORE_RUN(int, value, p, at, n)
#define STOREP_long(value, p, at, n) STORE_RUN(long, value, p, at, n)
#define STOREP_uchar(value, p, at, n) STORE_RUN(uchar, value, p, at, n)
#define STOREP_half(value, p, at, n) STORE_RUN(ushort, TO_half(value), HALF_PLACE(p), at, n)
#define STOREP_bool(value, p, at, n) STORE_RUN(uchar, TO_bool(value), p, at, n)

/* Results that no cache will hold: full registers at their own boundaries go past the caches. */
#ifdef INTEL_CPU
#define STREAM_LANES(T, value, p, at, n)                                                          \
    ((n) == VEC && ((ulong)((p) + (at)) & (sizeof(WIDE(T)) - 1)) == 0                        \
         ? (void)__builtin_nontemporal_store(value, (__global WIDE(T) *)((p) + (at)))             \
         : STORE_RUN(T, value, p, at, n))
#else
#define STREAM_LANES(T, value, p, at, n) STORE_RUN(T, value, p, at, n)
#endif
#define STREAMP_float(value, p, at, n) STREAM_LANES(float, value, p, at, n)
#define STREAMP_double(value, p, at, n) STREAM_LANES(double, value, p, at, n)
#define STREAMP_int(value, p, at, n) STREAM_LANES(int, value, p, at, n)
#define STREAMP_long(value, p, at, n) STREAM_LANES(long, value, p, at, n)
#define STREAMP_uchar(value, p, at, n) STREAM_LANES(uchar, value, p, at, n)
#define STREAMP_half(value, p, at, n) STREAM_LANES(ushort, TO_half(value), HALF_PLACE(p), at, n)
#define STREAMP_bool(value, p, at, n) STREAM_LANES(uchar, TO_bool(value), p, at, n)

#define STORESP_float(value, p, at, stride, n) STORE_LANES(float, value, p, at, stride, n)
#define STORESP_double(value, p, at, stride, n) STORE_LANES(double, value, p, at, stride, n)
#define STORESP_int(value, p, at, stride, n) STORE_LANES(int, value, p, at, stride, n)
#define STORESP_long(value, p, at, stride, n) STORE_LANES(long, value, p, at, stride, n)
#define STORESP_uchar(value, p, at, stride, n) STORE_LANES(uchar, value, p, at, stride, n)
#define STORESP_half(value, p, at, stride, n) STORE_LANES(ushort, TO_half(value), HALF_PLACE(p), at, stride, n)
#define STORESP_bool(value, p, at, stride, n) STORE_LANES(uchar, TO_bool(value), p, at, stride, n)

/* ---- Masks: wherever a register is chosen by one, the mask gets lanes of the register's width. ---- */

#define MASK_f32(comparison) as_mask(comparison)
#define MASK_f64(comparison) as_mask(comparison)
#define MASK_i32(comparison) as_mask(comparison)
#define MASK_i64(comparison) as_mask(comparison)
#define MASK_u8(comparison) as_mask(comparison)
#define MASK_b(comparison) as_mask(comparison)

#define SELECT_f32(mask, a, b) ((mask) ? (V_f32)(a) : (V_f32)(b))
#define SELECT_f64(mask, a, b) ((WIDE(convert_long)(mask)) ? (V_f64)(a) : (V_f64)(b))
#define SELECT_i32(mask, a, b) ((mask) ? (V_i32)(a) : (V_i32)(b))
#define SELECT_i64(mask, a, b) ((WIDE(convert_long)(mask)) ? (V_i64)(a) : (V_i64)(b))
#define SELECT_u8(mask, a, b) ((WIDE(convert_char)(mask)) ? (V_u8)(a) : (V_u8)(b))
#define SELECT_b(mask, a, b) ((mask) ? (V_b)(a) : (V_b)(b))

#define EQUAL(a, b) as_mask((a) == (b))
#define LESS(a, b) as_mask((a) < (b))
#define LESS_EQUAL(a, b) as_mask((a) <= (b))

#define LESS_f32(a, b) LESS(a, b)
#define LESS_f64(a, b) LESS(a, b)
#define LESS_i32(a, b) LESS(a, b)
#define LESS_i64(a, b) LESS(a, b)
#define LESS_u8(a, b) LESS(a, b)
#define LESS_b(a, b) (~(a) & (b))

#define LESS_EQUAL_f32(a, b) LESS_EQUAL(a, b)
#define LESS_EQUAL_f64(a, b) LESS_EQUAL(a, b)
#define LESS_EQUAL_i32(a, b) LESS_EQUAL(a, b)
#define LESS_EQUAL_i64(a, b) LESS_EQUAL(a, b)
#define LESS_EQUAL_u8(a, b) LESS_EQUAL(a, b)
#define LESS_EQUAL_b(a, b) (~(a) | (b))

/* ---- Casts. Floats become uchars by way of ints, so that they wrap. ---- */

#define CAST_f32_f32(x) (x)
#define CAST_f32_f64(x) WIDE(convert_double)(x)
#define CAST_f32_i32(x) WIDE(convert_int)(x)
#define CAST_f32_i64(x) WIDE(convert_long)(x)
#define CAST_f32_u8(x) WIDE(convert_uchar)(WIDE(convert_int)(x))
#define CAST_f32_b(x) as_mask((x) != 0)

#define CAST_f64_f32(x) WIDE(convert_float)(x)
#define CAST_f64_f64(x) (x)
#define CAST_f64_i32(x) WIDE(convert_int)(x)
#define CAST_f64_i64(x) WIDE(convert_long)(x)
#define CAST_f64_u8(x) WIDE(convert_uchar)(WIDE(convert_int)(x))
#define CAST_f64_b(x) as_mask((x) != 0)

#define CAST_i32_f32(x) WIDE(convert_float)(x)
#define CAST_i32_f64(x) WIDE(convert_double)(x)
#define CAST_i32_i32(x) (x)
#define CAST_i32_i64(x) WIDE(convert_long)(x)
#define CAST_i32_u8(x) WIDE(convert_uchar)(x)
#define CAST_i32_b(x) as_mask((x) != 0)

#define CAST_i64_f32(x) WIDE(convert_float)(x)
#define CAST_i64_f64(x) WIDE(convert_double)(x)
#define CAST_i64_i32(x) WIDE(convert_int)(x)
#define CAST_i64_i64(x) (x)
#define CAST_i64_u8(x) WIDE(convert_uchar)(x)
#define CAST_i64_b(x) as_mask((x) != 0)

#define CAST_u8_f32(x) WIDE(convert_float)(x)
#define CAST_u8_f64(x) WIDE(convert_double)(x)
#define CAST_u8_i32(x) WIDE(convert_int)(x)
#define CAST_u8_i64(x) WIDE(convert_long)(x)
#define CAST_u8_u8(x) (x)
#define CAST_u8_b(x) as_mask((x) != (V_u8)(0))

#define CAST_b_f32(x) WIDE(convert_float)((x) & 1)
#define CAST_b_f64(x) WIDE(convert_double)((x) & 1)
#define CAST_b_i32(x) WIDE(convert_int)((x) & 1)
#define CAST_b_i64(x) WIDE(convert_long)((x) & 1)
#define CAST_b_u8(x) WIDE(convert_uchar)((x) & 1)
#define CAST_b_b(x) (x)

/* ---- Arithmetic that is not one operator or built-in. A NaN passes through all of it. ---- */

#define MAXIMUM(a, b) ((((a) >= (b)) | ((a) != (a))) ? (a) : (b))
#define MINIMUM(a, b) ((((a) <= (b)) | ((a) != (a))) ? (a) : (b))
#define CLAMP(x, low, high) MINIMUM(MAXIMUM(x, low), high)
#define RELU(x) ((x) < 0 ? 0 : (x))
#define SIGMOID(x) (1.0f / (1.0f + exponential(-(x))))

#define ERF_f32(x) rational_erf(x)
#define ERF_f64(x) erf(x)
#define ABS_f32(x) fabs(x)
#define ABS_f64(x) fabs(x)
#define ABS_i32(x) ((x) < 0 ? -(x) : (x))
#define ABS_i64(x) ((x) < 0 ? -(x) : (x))
#define ABS_u8(x) (x)
#define SIGN_f32(x) sign(x)
#define SIGN_f64(x) sign(x)
#define SIGN_i32(x) ((x) < 0 ? (V_i32)(-1) : ((x) > 0 ? (V_i32)(1) : (V_i32)(0)))
#define SIGN_i64(x) ((x) < 0 ? (V_i64)(-1) : ((x) > 0 ? (V_i64)(1) : (V_i64)(0)))
#define SIGN_u8(x) min(x, (V_u8)(1))
#define POW_f32(a, b) pow(a, b)
#define POW_f64(a, b) pow(a, b)
#define POW_i32(a, b) integer_power(a, b)
#define POW_i64(a, b) integer_power(a, b)
#define POW_u8(a, b) integer_power(a, b)
/* Shifts by a negative number, or by more than all bits, leave 0, or copies of the sign. */
#define SHIFT_LEFT(V, a, b, bits) (((b) & (V)(~(bits))) != (V)(0) ? (V)(0) : (V)((a) << ((b) & (V)(bits))))
#define SHIFT_LEFT_i32(a, b) SHIFT_LEFT(V_i32, a, b, 31)
#define SHIFT_LEFT_i64(a, b) SHIFT_LEFT(V_i64, a, b, 63)
#define SHIFT_LEFT_u8(a, b) SHIFT_LEFT(V_u8, a, b, 7)
#define SHIFT_RIGHT_i32(a, b) ((a) >> (((b) & (V_i32)(~31)) != (V_i32)(0) ? (V_i32)(31) : (b)))
#define SHIFT_RIGHT_i64(a, b) ((a) >> (((b) & (V_i64)(~63)) != (V_i64)(0) ? (V_i64)(63) : (b)))
#define SHIFT_RIGHT_u8(a, b) (((b) & (V_u8)(0xF8)) != (V_u8)(0) ? (V_u8)(0) : (V_u8)((a) >> ((b) & (V_u8)(7))))

/* ---- Indices that come from data ---- */

#define CHECK_INDEX(index, size, flags, code) check_index(index, size, flags, code)
#define CHECK_LABEL(label, size, ignore, flags, code) check_label(label, size, ignore, flags, code)
#define REPORT_INDEX(flags, code, index, size) \
    do {                                       \
        (flags)[0] = (code);                   \
        (flags)[1] = (int)(index);             \
        (flags)[2] = (int)(size);              \
    } while (0)

/* ---- Folds, in a fixed order ---- */

#define FOLD_SUM(a, b) ((a) + (b))
#define FOLD_PROD(a, b) ((a) * (b))
#define FOLD_ANY(a, b) ((a) | (b))
#define FOLD_ALL(a, b) ((a) & (b))

#define IDENTITY_sum_f32 0.0f
#define IDENTITY_sum_f64 0.0
#define IDENTITY_sum_i32 0
#define IDENTITY_sum_i64 0L
#define IDENTITY_sum_u8 ((uchar)0)
#define FOLD_sum_f32(acc, x) FOLD_SUM(acc, x)
#define FOLD_sum_f64(acc, x) FOLD_SUM(acc, x)
#define FOLD_sum_i32(acc, x) FOLD_SUM(acc, x)
#define FOLD_sum_i64(acc, x) FOLD_SUM(acc, x)
#define FOLD_sum_u8(acc, x) FOLD_SUM(acc, x)
#define HFOLD_sum_f32(v) fold_sum(v)
#define HFOLD_sum_f64(v) fold_sum(v)
#define HFOLD_sum_i32(v) fold_sum(v)
#define HFOLD_sum_i64(v) fold_sum(v)
#define HFOLD_sum_u8(v) fold_sum(v)

#define IDENTITY_prod_f32 1.0f
#define IDENTITY_prod_f64 1.0
#define IDENTITY_prod_i32 1
#define IDENTITY_prod_i64 1L
#define IDENTITY_prod_u8 ((uchar)1)
#define FOLD_prod_f32(acc, x) FOLD_PROD(acc, x)
#define FOLD_prod_f64(acc, x) FOLD_PROD(acc, x)
#define FOLD_prod_i32(acc, x) FOLD_PROD(acc, x)
#define FOLD_prod_i64(acc, x) FOLD_PROD(acc, x)
#define FOLD_prod_u8(acc, x) FOLD_PROD(acc, x)
#define HFOLD_prod_f32(v) fold_prod(v)
#define HFOLD_prod_f64(v) fold_prod(v)
#define HFOLD_prod_i32(v) fold_prod(v)
#define HFOLD_prod_i64(v) fold_prod(v)
#define HFOLD_prod_u8(v) fold_prod(v)

#define IDENTITY_max_f32 (-INFINITY)
#define IDENTITY_max_f64 ((double)-INFINITY)
#define IDENTITY_max_i32 INT_MIN
#define IDENTITY_max_i64 LONG_MIN
#define IDENTITY_max_u8 ((uchar)0)
#define IDENTITY_max_b 0
#define FOLD_max_f32(acc, x) MAXIMUM(acc, x)
#define FOLD_max_f64(acc, x) MAXIMUM(acc, x)
#define FOLD_max_i32(acc, x) MAXIMUM(acc, x)
#define FOLD_max_i64(acc, x) MAXIMUM(acc, x)
#define FOLD_max_u8(acc, x) MAXIMUM(acc, x)
#define FOLD_max_b(acc, x) FOLD_ANY(acc, x)
#define HFOLD_max_f32(v) fold_max(v)
#define HFOLD_max_f64(v) fold_max(v)
#define HFOLD_max_i32(v) fold_max(v)
#define HFOLD_max_i64(v) fold_max(v)
#define HFOLD_max_u8(v) fold_max(v)
#define HFOLD_max_b(v) fold_any(v)

#define IDENTITY_min_f32 INFINITY
#define IDENTITY_min_f64 ((double)INFINITY)
#define IDENTITY_min_i32 INT_MAX
#define IDENTITY_min_i64 LONG_MAX
#define IDENTITY_min_u8 UCHAR_MAX
#define IDENTITY_min_b (-1)
#define FOLD_min_f32(acc, x) MINIMUM(acc, x)
#define FOLD_min_f64(acc, x) MINIMUM(acc, x)
#define FOLD_min_i32(acc, x) MINIMUM(acc, x)
#define FOLD_min_i64(acc, x) MINIMUM(acc, x)
#define FOLD_min_u8(acc, x) MINIMUM(acc, x)
#define FOLD_min_b(acc, x) FOLD_ALL(acc, x)
#define HFOLD_min_f32(v) fold_min(v)
#define HFOLD_min_f64(v) fold_min(v)
#define HFOLD_min_i32(v) fold_min(v)
#define HFOLD_min_i64(v) fold_min(v)
#define HFOLD_min_u8(v) fold_min(v)
#define HFOLD_min_b(v) fold_all(v)

#define IDENTITY_any_b 0
#define FOLD_any_b(acc, x) FOLD_ANY(acc, x)
#define HFOLD_any_b(v) fold_any(v)

#define IDENTITY_all_b (-1)
#define FOLD_all_b(acc, x) FOLD_ALL(acc, x)
#define HFOLD_all_b(v) fold_all(v)

/* Comparing vectors gives -1 in lanes of the operands' width (vector.cl narrows them), comparing scalars gives 1. */
#define OVERLOAD static inline __attribute__((overloadable))
OVERLOAD int as_mask(int c)
{
    return -c;
}
