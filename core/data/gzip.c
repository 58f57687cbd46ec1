#include "core/data/gzip_internal.h"

#include <stdlib.h>
#include <string.h>

enum { TRAILER_SIZE = 8, PIECE = 1 << 30, GZIP_ONLY = 16 };

bool gr_is_gzip(const void *bytes, size_t size) {
    return size >= 2 && memcmp(bytes, "\x1f\x8b", 2) == 0;
}

bool gr_unpacker_begin(gr_unpacker *u, const void *bytes, size_t size) {
    *u = (gr_unpacker){.at = bytes, .left = size, .compressed = gr_is_gzip(bytes, size)};
    return !u->compressed || inflateInit2(&u->stream, GZIP_ONLY + MAX_WBITS) == Z_OK;
}

void gr_unpacker_end(gr_unpacker *u) {
    if (u->compressed) inflateEnd(&u->stream);
}

/* After the end of a member: goes on to the next, if there is one. */
static void next_member(gr_unpacker *u) {
    if (gr_is_gzip(u->at, u->left) && inflateReset(&u->stream) == Z_OK) return;
    u->ended = true;
    if (u->left > 0) u->damage = "something follows the compressed data";
}

/* One call of zlib, which takes lengths of 32 bits; the number of bytes that it wrote. */
static size_t inflate_piece(gr_unpacker *u, unsigned char *to, size_t n) {
    z_stream *z = &u->stream;
    uInt in = u->left < PIECE ? (uInt)u->left : PIECE, out = n < PIECE ? (uInt)n : PIECE;
    z->next_in = (unsigned char *)u->at; /* zlib only reads there */
    z->avail_in = in;
    z->next_out = to;
    z->avail_out = out;
    int status = inflate(z, Z_NO_FLUSH);
    u->at += in - z->avail_in;
    u->left -= in - z->avail_in;
    if (status == Z_STREAM_END)
        next_member(u);
    else if (status == Z_BUF_ERROR)
        u->damage = "the compressed data ends too early";
    else if (status == Z_MEM_ERROR)
        u->damage = "no memory to unpack it";
    else if (status != Z_OK)
        u->damage = z->msg != NULL ? z->msg : "the compressed data is damaged";
    return out - z->avail_out;
}

size_t gr_unpack(gr_unpacker *u, unsigned char *to, size_t n) {
    size_t done = 0;
    if (!u->compressed) {
        done = n < u->left ? n : u->left;
        if (done > 0) memcpy(to, u->at, done);
        u->at += done;
        u->left -= done;
        return done;
    }
    while (done < n && !u->ended && u->damage == NULL)
        done += inflate_piece(u, to + done, n - done);
    return done;
}

/* Reads to the end of u. A byte of room that stays free says that this was the end. */
static char *unpack_rest(gr_unpacker *u, size_t expected, size_t *unpacked) {
    char *all = NULL;
    size_t used = 0, capacity = 0;
    do {
        size_t wanted = capacity == 0 ? expected + 2 : 2 * capacity;
        char *bigger = wanted > capacity ? realloc(all, wanted) : NULL;
        if (bigger == NULL) {
            u->damage = "no memory to unpack it";
            break;
        }
        all = bigger;
        capacity = wanted;
        used += gr_unpack(u, (unsigned char *)all + used, capacity - 1 - used);
    } while (used == capacity - 1 && u->damage == NULL);
    if (u->damage != NULL) {
        free(all);
        return NULL;
    }
    all[used] = '\0';
    *unpacked = used;
    return all;
}

char *gr_unpack_all(const void *bytes, size_t size, size_t *unpacked, const char **damage) {
    gr_unpacker u;
    *damage = "no memory to unpack it";
    if (size > SIZE_MAX / 2 || !gr_unpacker_begin(&u, bytes, size)) return NULL;
    size_t expected = size;
    if (u.compressed) {
        expected = gr_unpacked_size(bytes, size);
        if (expected / GR_DEFLATE_RATIO > size) expected = size; /* it is damaged */
    }
    char *all = unpack_rest(&u, expected, unpacked);
    *damage = u.damage;
    gr_unpacker_end(&u);
    return all;
}

uint32_t gr_unpacked_size(const void *bytes, size_t size) {
    if (size < TRAILER_SIZE) return 0;
    const unsigned char *last = (const unsigned char *)bytes + size - 4;
    return last[0] | (uint32_t)last[1] << 8 | (uint32_t)last[2] << 16 | (uint32_t)last[3] << 24;
}
