/* What softcuda's libcuda.so.1 exports beyond the CUDA driver API. Plain C; find the functions by dlsym when the
   program must also run on a real driver, which does not have them. */
#ifndef SOFTCUDA_H
#define SOFTCUDA_H
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The last report of the process: a bad access, a deadlock, a leak, a module that could not be loaded. Several lines,
   the first of which says it all. Copies at most `size` bytes with the terminating zero into `text` (which may be
   null) and returns the length of the whole text without the zero; 0 if there was no report yet. Thread-safe. */
size_t softcudaLastReport(char* text, size_t size);

/* One line on why the calling thread's last failed driver call failed: function, error, reason. As above. */
size_t softcudaLastMessage(char* text, size_t size);

/* Counters of kernel launches. They are collected while the environment variable SOFTCUDA_COUNTERS names a file (to
   which each launch is appended) or after softcudaCollectCounters(1). They are the same whatever SOFTCUDA_THREADS is.
 */
void softcudaCollectCounters(int on);

/* The counters of the last launch that collected them, as one JSON object: warp instructions by class, active lanes,
   sectors of 32 bytes moved and the fewest possible (per access, and of each block what it touched at least once),
   shared-memory wavefronts and the conflict-free count, atomics, tensor-core floating-point operations, barriers,
   divergence, and for each GPU of a few the warps that are resident and an estimate of the time by published peaks.
   Returns the length, as softcudaLastReport does. Thread-safe. */
size_t softcudaLastCounters(char* text, size_t size);

/* Sampled counting. From now on a launch runs at most `most` blocks, spread evenly over the grid (0: all), or those of
   the given linear indices (count 0: all). What the other blocks would have computed is missing; cooperative launches
   and kernels whose blocks wait for each other must not be sampled by index. The JSON tells "blocks" and "blocksRun";
   the estimates are for all blocks. */
void softcudaSampleBlocks(unsigned long long most);
void softcudaSelectBlocks(const unsigned long long* blocks, size_t count);

/* Bytes that copies have moved from one device to another since the process began; 0 where there is no such device.
   What kernels read and write of other devices is not in it. Thread-safe. */
unsigned long long softcudaPeerCopyBytes(int from, int to);

/* Ends collecting and sampling and forgets the last counters. */
void softcudaResetCounters(void);

#ifdef __cplusplus
}
#endif
#endif
