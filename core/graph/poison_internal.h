/* Under AddressSanitizer, memory that was taken back is poisoned, so that the use of a tensor after
 * its end is found where it happens. */
#ifndef GR_POISON_INTERNAL_H
#define GR_POISON_INTERNAL_H

#if defined(__SANITIZE_ADDRESS__)
#define GR_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GR_ASAN 1
#endif
#endif
#ifdef GR_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, bytes) ((void)(p), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(p, bytes) ((void)(p), (void)(bytes))
#endif

#endif
