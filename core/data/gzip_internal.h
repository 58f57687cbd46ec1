/* Bytes of a file that may be compressed by gzip (RFC 1952, also several members in a row), told by
 * their content and unpacked piece by piece. */
#ifndef GR_GZIP_INTERNAL_H
#define GR_GZIP_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <zlib.h>

#pragma GCC visibility push(hidden)

typedef struct gr_unpacker {
    const unsigned char *at; /* what has not been read yet */
    size_t left;
    bool compressed;
    bool ended;         /* the compressed data is at its end, its checksums are right */
    const char *damage; /* what is wrong with it; NULL while nothing is */
    z_stream stream;
} gr_unpacker;

/* Begins to read `size` bytes; false if there is no memory. The unpacker stays where it is, for
 * zlib keeps its address. */
bool gr_unpacker_begin(gr_unpacker *u, const void *bytes, size_t size);
/* The next n bytes; how many there were, fewer at the end or where the data is damaged. */
size_t gr_unpack(gr_unpacker *u, unsigned char *to, size_t n);
void gr_unpacker_end(gr_unpacker *u);

/* All of the bytes and a zero behind them, to be freed by the caller, and how many they are without
 * that; NULL with *damage saying what is wrong. */
char *gr_unpack_all(const void *bytes, size_t size, size_t *unpacked, const char **damage);

bool gr_is_gzip(const void *bytes, size_t size);

/* How many bytes the data says it holds, modulo 2^32, if it has only one member. */
uint32_t gr_unpacked_size(const void *bytes, size_t size);

/* Deflate makes at most this many bytes of one. */
enum { GR_DEFLATE_RATIO = 1032 };

#pragma GCC visibility pop

#endif
