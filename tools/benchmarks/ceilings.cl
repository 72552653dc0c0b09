/* What a machine can do at best: multiply-add, exponentials, streams, and the way of a cache line.
 *
 * Follows ops/prelude.cl and ops/vector.cl, from which `exponential` comes.
 */

#define CHAINS 12 /* independent chains: latency 4 x 2 units, with some room */

#ifdef INTEL_CPU
#define ALREADY_WIDE __attribute__((intel_vec_len_hint(1)))
#else
#define ALREADY_WIDE
#endif

/* Every work-item does `rounds` x CHAINS multiply-adds of 16 floats in registers. */
__kernel ALREADY_WIDE void multiply_add(__global float *out, int rounds)
{
    const size_t item = get_global_id(0);
    const float16 a = (float16)(0.999f + 1e-9f * item), b = (float16)(1e-3f);
    float16 c[CHAINS];
#pragma unroll
    for (int i = 0; i < CHAINS; ++i)
        c[i] = (float16)(i + item);
    for (int round = 0; round < rounds; ++round) {
#pragma unroll
        for (int i = 0; i < CHAINS; ++i)
            c[i] = fma(c[i], a, b);
    }
    float16 sum = c[0];
#pragma unroll
    for (int i = 1; i < CHAINS; ++i)
        sum += c[i];
    vstore16(sum, item, out);
}

/* Every work-item takes `rounds` x COUNT exponentials of 16 floats; exp(-c) stays between 0 and 1. */
#define EXPONENTIALS(NAME, COUNT, FUNCTION)                                 \
    __kernel ALREADY_WIDE void NAME(__global float *out, int rounds)        \
    {                                                                       \
        const size_t item = get_global_id(0);                               \
        float16 c[COUNT];                                                   \
        _Pragma("unroll") for (int i = 0; i < COUNT; ++i)                   \
            c[i] = (float16)(0.1f * i + 1e-9f * item);                      \
        for (int round = 0; round < rounds; ++round)                        \
            _Pragma("unroll") for (int i = 0; i < COUNT; ++i)               \
                c[i] = FUNCTION(-c[i]);                                     \
        float16 sum = c[0];                                                 \
        _Pragma("unroll") for (int i = 1; i < COUNT; ++i)                   \
            sum += c[i];                                                    \
        vstore16(sum, item, out);                                           \
    }
/* With 4 chains of the built-in each takes 1.3 times as long, with 12 1.1 times; the library's own likes 12. */
EXPONENTIALS(exponentials_built_in, 8, exp)
EXPONENTIALS(exponentials_own, 12, exponential)

/* The vectors of a work-item lie together, or (`strided`, for wide devices) beside its neighbors'. */
#define FOR_MINE(i)                                                                                    \
    const size_t step = strided ? get_global_size(0) : 1;                                              \
    const size_t start = get_global_id(0) * (strided ? 1 : each), stop = start + each * step;          \
    for (size_t i = start; i < stop; i += step)

/* y = x: as much is read as written. */
__kernel ALREADY_WIDE void stream_copy(
    __global const float16 *restrict x, __global float16 *restrict y, long each, int strided)
{
    FOR_MINE(i)
        y[i] = x[i];
}

/* y = x + y / 2: two reads and a write of each vector. */
__kernel ALREADY_WIDE void stream_add(
    __global const float16 *restrict x, __global float16 *restrict y, long each, int strided)
{
    FOR_MINE(i)
        y[i] = x[i] + 0.5f * y[i];
}

/* Two work-items hand a line to and fro; each gives up after `patience` looks in vain. */
__kernel ALREADY_WIDE void round_trip(
    volatile __global int *line, __global int *done, int rounds, int patience)
{
    const int me = (int)get_global_id(0);
    int round = 0;
    for (; round < rounds; ++round) {
        int looks = 0;
        while (line[0] != 2 * round + me && looks < patience)
            ++looks;
        if (looks == patience)
            break;
        line[0] = 2 * round + me + 1;
    }
    done[me] = round;
}
