/* What softcuda's libcuda.so.1 exports beyond the CUDA driver API. Plain C; find the functions by dlsym when the program
   must also run on a real driver, which does not have them. */
#ifndef SOFTCUDA_H
#define SOFTCUDA_H
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The last report of the process: a bad access, a deadlock, a leak, a module that could not be loaded. Several lines, the
   first of which says it all. Copies at most `size` bytes with the terminating zero into `text` (which may be null) and
   returns the length of the whole text without the zero; 0 if there was no report yet. Thread-safe. */
size_t softcudaLastReport(char* text, size_t size);

/* One line on why the calling thread's last failed driver call failed: function, error, reason. As above. */
size_t softcudaLastMessage(char* text, size_t size);

#ifdef __cplusplus
}
#endif
#endif
