/* random.cl: counter-based random numbers.
 *
 * Twins: tinygrad_cl/primitives/random.py (the same bits with NumPy), tinygrad_cl/functional/random.py.
 *
 * Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011). Element i takes the block of the
 * 128-bit counter `counter + i` (its upper 64 bits are 0) under the 64-bit `key`: the first 32-bit word makes a uniform
 * number, the first two make a normal one. It comes after prelude.cl and does not depend on VEC: functions are
 * overloaded over the widths of `index`.
 */
#define PHILOX_UNIFORM(index, key, counter) philox_uniform(index, key, counter)
#define PHILOX_NORMAL(index, key, counter) philox_normal(index, key, counter)

#define PHILOX_M0 0xD2511F53ul
#define PHILOX_M1 0xCD9E8D57ul
#define PHILOX_W0 0x9E3779B9ul
#define PHILOX_W1 0xBB67AE85ul

/* For N lanes (nothing for one): the first two words of a block, and the numbers made of them. Words are held in the
 * lower halves of ulongs, because their product is one instruction; what stands in the upper halves does not matter. */
#define DEFINE_PHILOX(N)                                                                                       \
    OVERLOAD void philox_words(long##N counter, long##N key, uint##N *first, uint##N *second)                  \
    {                                                                                                          \
        ulong##N c0 = as_ulong##N(counter), c1 = c0 >> 32, c2 = 0, c3 = 0;                                     \
        ulong##N k0 = as_ulong##N(key), k1 = k0 >> 32;                                                         \
        for (int round = 0; round < 10; round++) {                                                             \
            const ulong##N p0 = (c0 & 0xFFFFFFFFul) * PHILOX_M0, p1 = (c2 & 0xFFFFFFFFul) * PHILOX_M1;         \
            c0 = (p1 >> 32) ^ c1 ^ k0;                                                                         \
            c1 = p1;                                                                                           \
            c2 = (p0 >> 32) ^ c3 ^ k1;                                                                         \
            c3 = p0;                                                                                           \
            k0 += PHILOX_W0;                                                                                   \
            k1 += PHILOX_W1;                                                                                   \
        }                                                                                                      \
        *first = convert_uint##N(c0 & 0xFFFFFFFFul);                                                           \
        *second = convert_uint##N(c1 & 0xFFFFFFFFul);                                                          \
    }                                                                                                          \
    /* The upper 24 bits as a fraction: 0 <= u < 1, every value exact. */                                      \
    OVERLOAD float##N philox_uniform(long##N index, long##N key, long##N counter)                              \
    {                                                                                                          \
        uint##N first, second;                                                                                 \
        philox_words(index + counter, key, &first, &second);                                                   \
        return convert_float##N(first >> 8) * 0x1p-24f;                                                        \
    }                                                                                                          \
    /* Box-Muller: a radius of the first word, which must not be 0, and an angle of the second. */             \
    OVERLOAD float##N philox_normal(long##N index, long##N key, long##N counter)                               \
    {                                                                                                          \
        uint##N first, second;                                                                                 \
        philox_words(index + counter, key, &first, &second);                                                   \
        const float##N u = convert_float##N(first) * 0x1p-32f + 0x1p-33f;                                      \
        const float##N v = convert_float##N(second >> 8) * 0x1p-24f;                                           \
        return sqrt(-2.0f * log(u)) * cospi(2.0f * v);                                                         \
    }
DEFINE_PHILOX()
DEFINE_PHILOX(4)
DEFINE_PHILOX(8)
DEFINE_PHILOX(16)
