/* random.cl: counter-based random numbers.
 *
 * Twins: tinygrad_cl/primitives/random.py (the same bits with NumPy), tinygrad_cl/functional/random.py.
 *
 * Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011) under the 64-bit `key`. Element i
 * is number m = counter + i of a stream. Four uniform numbers share a block: number m takes word m % 4 of the block of
 * the 128-bit counter m / 4 + 2^64. A normal number is made of the first two words of the block of the counter m. It
 * comes after prelude.cl and does not depend on VEC: functions are overloaded over the widths of `index`. Kernels that
 * go through the numbers in order keep what is left of a block in a `philox_run` (PHILOX_DRAWN, whose index counts up
 * from lane to lane).
 */
#define PHILOX_UNIFORM(index, key, counter) philox_scattered((index) + (counter), key)
#define PHILOX_DRAWN(run, index, key, counter) WIDE(philox_drawn)(run, (index).s0 + (counter).s0, (key).s0)
#define PHILOX_NORMAL(index, key, counter) philox_normal(index, key, counter)

#define PHILOX_M0 0xD2511F53ul
#define PHILOX_M1 0xCD9E8D57ul
#define PHILOX_W0 0x9E3779B9ul
#define PHILOX_W1 0xBB67AE85ul
#define PHILOX_LOW 0xFFFFFFFFul

/* For N lanes (nothing for one): the words c0..c3 of the blocks of c0 + 2^64 c2. Words are held in the lower halves of
 * ulongs, because their product is one instruction; what stands in the upper halves does not matter. */
#define DEFINE_BLOCKS(N)                                                                                       \
    OVERLOAD void philox_blocks(ulong##N key, ulong##N *w0, ulong##N *w1, ulong##N *w2, ulong##N *w3)          \
    {                                                                                                          \
        ulong##N c0 = *w0, c1 = c0 >> 32, c2 = *w2, c3 = 0, k0 = key, k1 = key >> 32;                          \
        for (int round = 0; round < 10; round++) {                                                             \
            const ulong##N p0 = (c0 & PHILOX_LOW) * PHILOX_M0, p1 = (c2 & PHILOX_LOW) * PHILOX_M1;             \
            c0 = (p1 >> 32) ^ c1 ^ k0;                                                                         \
            c1 = p1;                                                                                           \
            c2 = (p0 >> 32) ^ c3 ^ k1;                                                                         \
            c3 = p0;                                                                                           \
            k0 += PHILOX_W0;                                                                                   \
            k1 += PHILOX_W1;                                                                                   \
        }                                                                                                      \
        *w0 = c0;                                                                                              \
        *w1 = c1;                                                                                              \
        *w2 = c2;                                                                                              \
        *w3 = c3;                                                                                              \
    }

#define DEFINE_PHILOX(N)                                                                                       \
    /* The upper 24 bits as a fraction: 0 <= u < 1, every value exact. */                                      \
    OVERLOAD float##N philox_fraction(uint##N word)                                                            \
    {                                                                                                          \
        return convert_float##N(word >> 8) * 0x1p-24f;                                                         \
    }                                                                                                          \
    /* Numbers anywhere in the stream: a block for each. */                                                    \
    OVERLOAD float##N philox_scattered(long##N number, long##N key)                                            \
    {                                                                                                          \
        const ulong##N at = as_ulong##N(number);                                                               \
        ulong##N w0 = at >> 2, w1 = 0, w2 = 1, w3 = 0;                                                         \
        philox_blocks(as_ulong##N(key), &w0, &w1, &w2, &w3);                                                   \
        const ulong##N low = (at & 1) != 0 ? w1 : w0, high = (at & 1) != 0 ? w3 : w2;                          \
        return philox_fraction(convert_uint##N(((at & 2) != 0 ? high : low) & PHILOX_LOW));                    \
    }                                                                                                          \
    /* Box-Muller: a radius of the first word, which must not be 0, and an angle of the second. */             \
    OVERLOAD float##N philox_normal(long##N index, long##N key, long##N counter)                               \
    {                                                                                                          \
        ulong##N w0 = as_ulong##N(index + counter), w1 = 0, w2 = 0, w3 = 0;                                    \
        philox_blocks(as_ulong##N(key), &w0, &w1, &w2, &w3);                                                   \
        const float##N u = convert_float##N(convert_uint##N(w0 & PHILOX_LOW)) * 0x1p-32f + 0x1p-33f;           \
        const float##N v = philox_fraction(convert_uint##N(w1 & PHILOX_LOW));                                  \
        return sqrt(-2.0f * log(u)) * cospi(2.0f * v);                                                         \
    }

/* N numbers from `first` on, of which 16 blocks at a time are kept. */
#define DEFINE_DRAWN(N)                                                                                        \
    static inline float##N philox_drawn##N(philox_run *run, const ulong first, const ulong key)                \
    {                                                                                                          \
        if (!run->count || first - run->first > (ulong)(run->count - N))                                       \
            philox_draw(run, first, key);                                                                      \
        return philox_fraction(vload##N(0, run->words + (first - run->first)));                                \
    }

DEFINE_BLOCKS()
DEFINE_BLOCKS(4)
DEFINE_BLOCKS(8)
DEFINE_BLOCKS(16)

/* Numbers of a stream from `first` on; none yet if `count` is 0. */
typedef struct {
    ulong first;
    int count;
    uint words[64];
} philox_run;

__attribute__((noinline)) static void philox_draw(philox_run *run, ulong first, ulong key)
{
    ulong16 w0 = ((first >> 2) + (ulong16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)) << 2 >> 2;
    ulong16 w1 = 0, w2 = 1, w3 = 0;
    philox_blocks((ulong16)(key), &w0, &w1, &w2, &w3);
    const ulong16 even = (w0 & PHILOX_LOW) | w1 << 32, odd = (w2 & PHILOX_LOW) | w3 << 32;
    ulong16 low, high;
    low.even = even.lo;
    low.odd = odd.lo;
    high.even = even.hi;
    high.odd = odd.hi;
    vstore16(low, 0, (ulong *)run->words);
    vstore16(high, 1, (ulong *)run->words);
    run->first = first / 4 * 4;
    run->count = 64;
}

DEFINE_PHILOX()
DEFINE_PHILOX(4)
DEFINE_PHILOX(8)
DEFINE_PHILOX(16)
DEFINE_DRAWN(4)
DEFINE_DRAWN(8)
DEFINE_DRAWN(16)
