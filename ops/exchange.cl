/* exchange.cl: lanes exchanged between registers, and blocks of VEC x VEC lanes turned by it.
 *
 * Included by dense_tile.cl, elementwise_tile.cl.
 *
 * shuffle2(x, y, LOWd) takes the blocks of d lanes at even places, of x and of y in turn; HIGHd those at odd places.
 */
#if VEC == 16
#define LOW1 (0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30)
#define HIGH1 (1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31)
#define LOW2 (0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)
#define HIGH2 (2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31)
#define LOW4 (0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27)
#define HIGH4 (4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31)
#define LOW8 (0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23)
#define HIGH8 (8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31)
#elif VEC == 8
#define LOW1 (0, 8, 2, 10, 4, 12, 6, 14)
#define HIGH1 (1, 9, 3, 11, 5, 13, 7, 15)
#define LOW2 (0, 1, 8, 9, 4, 5, 12, 13)
#define HIGH2 (2, 3, 10, 11, 6, 7, 14, 15)
#define LOW4 (0, 1, 2, 3, 8, 9, 10, 11)
#define HIGH4 (4, 5, 6, 7, 12, 13, 14, 15)
#else
#define LOW1 (0, 4, 2, 6)
#define HIGH1 (1, 5, 3, 7)
#define LOW2 (0, 1, 4, 5)
#define HIGH2 (2, 3, 6, 7)
#endif
#define INDEX_TYPE_f32 WIDE(uint)
#define INDEX_TYPE_i32 WIDE(uint)
#define INDEX_TYPE_b WIDE(uint)
#define INDEX_TYPE_f64 WIDE(ulong)
#define INDEX_TYPE_i64 WIDE(ulong)
#define INDEX_TYPE_u8 WIDE(uchar)

/* One of log2(VEC) stages over registers t[VEC] of a tag: with all of them t is turned. */
#define EXCHANGE_STAGE(tag, t, d)                                                            \
    __attribute__((opencl_unroll_hint(VEC))) for (int i = 0; i < VEC; i++)                   \
        if (!(i & d)) {                                                                      \
            const CAT(V_, tag) x = t[i], y = t[i + d];                                       \
            t[i] = shuffle2(x, y, (CAT(INDEX_TYPE_, tag))LOW##d);                            \
            t[i + d] = shuffle2(x, y, (CAT(INDEX_TYPE_, tag))HIGH##d);                       \
        }
