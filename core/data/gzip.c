#include "core/data/gzip_internal.h"

#include <string.h>

enum { TRAILER_SIZE = 8, PIECE = 1 << 30, GZIP_ONLY = 16 };

static bool begins_member(const unsigned char *bytes, size_t size) {
    return size >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

bool gr_unpacker_begin(gr_unpacker *u, const void *bytes, size_t size) {
    *u = (gr_unpacker){.at = bytes, .left = size, .compressed = begins_member(bytes, size)};
    return !u->compressed || inflateInit2(&u->stream, GZIP_ONLY + MAX_WBITS) == Z_OK;
}

void gr_unpacker_end(gr_unpacker *u) {
    if (u->compressed) inflateEnd(&u->stream);
}

/* After the end of a member: goes on to the next, if there is one. */
static void next_member(gr_unpacker *u) {
    if (begins_member(u->at, u->left) && inflateReset(&u->stream) == Z_OK) return;
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

uint32_t gr_unpacked_size(const void *bytes, size_t size) {
    if (size < TRAILER_SIZE) return 0;
    const unsigned char *last = (const unsigned char *)bytes + size - 4;
    return last[0] | (uint32_t)last[1] << 8 | (uint32_t)last[2] << 16 | (uint32_t)last[3] << 24;
}
