// What the runtime runs on a device before it trusts it. Stands alone: needs neither prelude.cl nor vector.cl.
//
// Macros: HAVE_FP64 (set by the runtime where the device claims doubles), INTEL_CPU (set on Intel's CPU runtime, which
// then need not vectorize over work-items; so it is done with the probe sooner).
#ifdef INTEL_CPU
#define AS_IT_IS __attribute__((intel_vec_len_hint(1)))
#else
#define AS_IT_IS
#endif

#ifdef HAVE_FP64
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
#endif

// out[i] = a[i] * scale + i, sixteen at a time, plus one built-in that drivers link from a library of theirs; then half
// storage without half arithmetic, by way of local memory and a barrier; then doubles. All in one kernel, which is
// built in half the time of three.
AS_IT_IS __kernel void probe(__global float *out, __global const float *a, __global half *halves,
                             __global const half *b, __global uchar *bytes, int scale, int n)
{
    __local float shared[8];
    size_t i = get_global_id(0), j = get_local_id(0), first = i * 16;
    if (first + 16 <= (size_t)n) {
        float16 lanes = (float16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        float16 x = vload16(0, a + first) * (float)scale + lanes + (float)first;
        vstore16(x * exp(x * 0.0f), 0, out + first);
    }
    else {
        for (size_t k = first; k < (size_t)n; k++)
            out[k] = a[k] * (float)scale + (float)k;
    }
    shared[j] = i < (size_t)n ? vload_half(i, b) : 0.0f;
    barrier(CLK_LOCAL_MEM_FENCE);
    if (i < (size_t)n) {
        vstore_half(shared[j] * 2.0f, i, halves);
#ifdef HAVE_FP64
        ((__global double *)bytes)[i] = 1.0 / (double)(i + 1);
#endif
    }
}
