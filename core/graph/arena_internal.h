/* An arena: memory that is handed out piece by piece and taken back all at once. */
#ifndef GR_ARENA_INTERNAL_H
#define GR_ARENA_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(hidden)

/* What a graph has taken from the system, for its limit and for gr_memory_use. */
typedef struct gr_budget {
    size_t limit; /* 0: none */
    size_t reserved;
    uint64_t requests;
} gr_budget;

typedef struct gr_chunk gr_chunk;

typedef struct gr_arena {
    gr_budget *budget;
    gr_chunk *chunks;   /* the newest first */
    size_t first_chunk; /* bytes of the first chunk; later ones double */
    size_t used, peak;  /* bytes handed out since the last reset, and the most ever */
} gr_arena;

enum { GR_ALIGN_STRUCT = 16, GR_ALIGN_DATA = 64 };

/* `align` is a power of two, at most 64. NULL if the system or the limit refuses. */
void *gr_arena_alloc(gr_arena *a, size_t bytes, size_t align);
void *gr_arena_alloc_zeroed(gr_arena *a, size_t bytes, size_t align);
/* Takes back the piece that was handed out last, for memory that is needed for a moment only. NULL
 * is fine. */
void gr_arena_give_back(gr_arena *a, void *last, size_t bytes, size_t align);
/* Takes everything back. An arena that had grown to several chunks becomes one that holds as much,
 * so that the same use again asks the system for nothing. */
void gr_arena_reset(gr_arena *a);
void gr_arena_free(gr_arena *a);

/* malloc, realloc and free within a budget; sizes are the caller's to remember. */
void *gr_budget_alloc(gr_budget *b, size_t bytes);
void gr_budget_free(gr_budget *b, void *p, size_t bytes);

#pragma GCC visibility pop

#endif
