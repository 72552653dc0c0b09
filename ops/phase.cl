/* phase.cl: what turns the kernel of the next template into a function (see calls.cl); pasted in front of it.
 *
 * Its position in the ND-range comes as arguments, there is one work-item per work-group, and no local memory.
 * It is compiled once, however often it is called: pasted into each call, phases took half as long again to build, and
 * ran no faster.
 */
#define PHASE_HEAD(...) (const size_t at_0, const size_t at_1, const size_t at_2, const size_t size_0, \
                         const size_t size_1, const size_t size_2, __VA_ARGS__)
#define __kernel __attribute__((noinline)) static
#define get_global_id(d) at_##d
#define get_group_id(d) at_##d
#define get_local_id(d) 0
#define get_global_size(d) size_##d
