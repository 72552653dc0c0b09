/* registers.cl: runs every expression, load, store and fold over arrays, for test_registers.py.
 *
 * Comes after prelude.cl, random.cl, bfloat.cl and vector.cl. Buffers are bytes; offsets in bytes are part of the text.
 *
 * Hole
 *   CASES  `case 7: RUN(...) break;` for each expression: a work-item runs it over n elements, a multiple of VEC
 */
#define IN(T, offset) ((__global const T *)(in + (offset)))
#define OUT(T, offset) ((__global T *)(out + (offset)))
#define RUN(statement)                        \
    for (size_t j = 0; j < n; j += VEC) {     \
        statement;                            \
    }

VECTOR_KERNEL __kernel void NAME(expressions)(__global uchar *out, __global const uchar *in, __global int *flags,
                                              const long count)
{
    const size_t n = count;
    switch (get_global_id(0)) {
        CASES
    }
}

/* Each task: how, at, stride, first, last, where to store, that stride, how many. `how` picks the macros; the output of
 * a task lies 64 elements after that of the one before, its lane 0 at 32. */
#define DEFINE_MEMORY(S, T)                                                                         \
    VECTOR_KERNEL __kernel void NAME(memory_##S)(__global T *out, __global const T *in,             \
                                                 __global const int8 *tasks, const int count)       \
    {                                                                                               \
        for (int i = 0; i < count; i++) {                                                           \
            const int how = tasks[i].s0, at = tasks[i].s1, stride = tasks[i].s2;                    \
            const int first = tasks[i].s3, last = tasks[i].s4;                                      \
            const int to = tasks[i].s5 + 64 * i, step = tasks[i].s6, n = tasks[i].s7;               \
            if (how == 0)                                                                           \
                STOREP_##S(LOADP_##S(in, at, last), out, to, n);                                    \
            else if (how == 1)                                                                      \
                STORESP_##S(LOADSP_##S(in, at, stride, last), out, to, step, n);                    \
            else                                                                                    \
                STORESP_##S(LOADB_##S(in, at, stride, first, last), out, to, step, n);              \
        }                                                                                           \
    }
DEFINE_MEMORY(float, float)
DEFINE_MEMORY(int, int)
DEFINE_MEMORY(long, long)
DEFINE_MEMORY(uchar, uchar)
DEFINE_MEMORY(half, half)
DEFINE_MEMORY(bfloat, bfloat)
DEFINE_MEMORY(bool, uchar)
#ifdef HAVE_FP64
DEFINE_MEMORY(double, double)
#endif

#undef IN
#undef OUT
#undef RUN
