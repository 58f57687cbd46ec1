#include "core/data/picture_internal.h"

#include "core/graph/graph_internal.h"

#include <limits.h>
#include <string.h>

#include <zlib.h>

/* -- PNG: its checksums, which stb_image passes over -- */

static const unsigned char PNG_MAGIC[] = "\x89PNG\r\n\x1a\n";
enum { PNG_MAGIC_SIZE = 8, CHUNK_LENGTH = 4, CHUNK_TYPE = 4, CHUNK_CHECKSUM = 4 };
enum { CHUNK_FRAME = CHUNK_LENGTH + CHUNK_TYPE + CHUNK_CHECKSUM };

static uint32_t big_endian(const unsigned char *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* What is wrong with its chunks; NULL if nothing is. */
static const char *png_damage(const unsigned char *bytes, size_t size) {
    for (size_t at = PNG_MAGIC_SIZE; size - at >= CHUNK_FRAME;) {
        const unsigned char *length_at = bytes + at, *type = length_at + CHUNK_LENGTH;
        size_t length = big_endian(length_at);
        if (length > size - at - CHUNK_FRAME) break;
        uLong sum = crc32(0, type, (uInt)(CHUNK_TYPE + length));
        if (sum != big_endian(type + CHUNK_TYPE + length)) return "a chunk's checksum is wrong";
        if (memcmp(type, "IEND", CHUNK_TYPE) == 0) return NULL;
        at += length + CHUNK_FRAME;
    }
    return "the file ends before its picture does";
}

/* -- JPEG: its segments. stb_image overruns its tables where a Huffman table has more codes than
 * there are bytes. ITU-T T.81, annex B -- */

enum { MARKER = 0xff, DHT = 0xc4, RST0 = 0xd0, SOI = 0xd8, EOI = 0xd9, TEM = 0x01 };
enum { CODE_LENGTHS = 16, MOST_CODES = 256 };

/* SOI, before which fillers may stand. */
static bool is_jpeg(const unsigned char *bytes, size_t size) {
    size_t at = 0;
    while (at < size && bytes[at] == MARKER) at++;
    return at > 0 && at < size && bytes[at] == SOI;
}

/* Whether the tables of a segment, one after another, have as many codes as there can be. */
static bool huffman_tables_fit(const unsigned char *at, const unsigned char *end) {
    while (end - at > CODE_LENGTHS) {
        int codes = 0;
        for (int i = 1; i <= CODE_LENGTHS; i++) codes += at[i];
        if (codes > MOST_CODES) return false;
        at += 1 + CODE_LENGTHS;
        if (end - at < codes) return false;
        at += codes;
    }
    return at == end;
}

/* What is wrong with its segments; NULL if nothing is. The coded pixels are passed over: what
 * follows 0xff there is 0 or RST. */
static const char *jpeg_damage(const unsigned char *bytes, size_t size) {
    for (size_t at = 0; size - at >= 2;) {
        if (bytes[at] != MARKER || bytes[at + 1] == MARKER) {
            at++;
            continue;
        }
        int marker = bytes[at + 1];
        at += 2;
        if (marker == EOI) return NULL;
        if (marker == 0 || marker == TEM || (marker >= RST0 && marker <= SOI)) continue;
        if (size - at < 2) break;
        size_t length = (size_t)bytes[at] << 8 | bytes[at + 1];
        if (length < 2) return "a segment's length is wrong";
        if (length > size - at) break;
        if (marker == DHT && !huffman_tables_fit(bytes + at + 2, bytes + at + length))
            return "a Huffman table is damaged";
        at += length;
    }
    return "the file ends before its picture does";
}

/* -- PNM: P5 (grey) and P6 (RGB), 1 or 2 bytes a number. (stb_image reads it with the bytes of a
 * pair exchanged and takes no heed of the maximum.) http://netpbm.sourceforge.net/doc/ppm.html -- */

typedef struct text {
    const unsigned char *at, *end;
} text;

/* A number after blanks and comments; -1 if there is none or it is above `most`. */
static int take_number(text *t, int most) {
    bool comment = false;
    for (; t->at < t->end; t->at++) {
        if (*t->at == '#') comment = true;
        if (*t->at == '\n' || *t->at == '\r') comment = false;
        if (!comment && (*t->at == '\0' || strchr(" \t\n\v\f\r", *t->at) == NULL)) break;
    }
    int value = -1;
    for (; t->at < t->end && *t->at >= '0' && *t->at <= '9'; t->at++) {
        value = (value < 0 ? 0 : 10 * value) + (*t->at - '0');
        if (value > most) return -1;
    }
    return value;
}

static bool is_pnm(const unsigned char *bytes, size_t size) {
    return size >= 2 && bytes[0] == 'P' && (bytes[1] == '5' || bytes[1] == '6');
}

/* What is wrong with the header; NULL if nothing is, and t then stands at the first number. */
static const char *pnm_header(text *t, size_t size, gr_pixels *p) {
    p->channels = t->at[1] == '6' ? 3 : 1;
    t->at += 2;
    p->width = take_number(t, GR_LARGEST_SIDE);
    p->height = take_number(t, GR_LARGEST_SIDE);
    p->maximum = take_number(t, UINT16_MAX);
    if (p->width < 0 || p->height < 0 || p->maximum < 1 || t->at == t->end)
        return "damaged header: expected width and height up to 65536 and a maximum of 1 to 65535";
    t->at++;
    return gr_implausible(p, size);
}

static const char *pnm_decode(gr_budget *budget, const unsigned char *bytes, size_t size,
                              gr_pixels *p) {
    text t = {.at = bytes, .end = bytes + size};
    const char *damage = pnm_header(&t, size, p);
    if (damage != NULL) return damage;
    size_t n = (size_t)p->width * (size_t)p->height * (size_t)p->channels;
    size_t width = p->maximum > UINT8_MAX ? 2 : 1;
    if ((size_t)(t.end - t.at) < n * width) return "the file ends before its picture does";
    if (!gr_pixels_alloc(budget, p)) return "no memory to decode it";
    if (width == 1) memcpy(p->narrow, t.at, n);
    for (size_t i = 0; i < n && width == 2; i++)
        p->wide[i] = (uint16_t)(t.at[2 * i] << 8 | t.at[2 * i + 1]);
    return NULL;
}

/* -- All formats -- */

static const char *decode(gr_budget *budget, const unsigned char *bytes, size_t size,
                          gr_pixels *pixels) {
    if (size == 0) return "the file is empty";
    if (size > INT_MAX / 2) return "the file has more than 1 GB";
    if (is_pnm(bytes, size)) return pnm_decode(budget, bytes, size, pixels);
    const char *damage = NULL;
    if (size >= PNG_MAGIC_SIZE && memcmp(bytes, PNG_MAGIC, PNG_MAGIC_SIZE) == 0)
        damage = png_damage(bytes, size);
    else if (is_jpeg(bytes, size))
        damage = jpeg_damage(bytes, size);
    if (damage == NULL && gr_stb_decode(budget, bytes, size, pixels, &damage)) return NULL;
    return damage;
}

bool gr_picture_decode(gr_graph *g, const char *who, const char *name, const unsigned char *bytes,
                       size_t size, gr_pixels *pixels) {
    *pixels = (gr_pixels){.height = 0};
    const char *damage = decode(&g->budget, bytes, size, pixels);
    if (damage == NULL) return true;
    gr_fail(g, "%s: %s: %s", who, name, damage);
    return false;
}

void gr_picture_free(gr_graph *g, gr_pixels *pixels) { gr_pixels_free(&g->budget, pixels); }

/* -- Channels -- */

static double number(const gr_pixels *p, size_t i) {
    double value = p->wide != NULL ? p->wide[i] : p->narrow[i];
    return value < p->maximum ? value / p->maximum : 1;
}

/* Luma of ITU-R BT.601, as JPEG has it; of grey exactly that grey. */
static double luma(const gr_pixels *p, size_t pixel) {
    double red = number(p, pixel), green = number(p, pixel + 1), blue = number(p, pixel + 2);
    if (red == green && green == blue) return red;
    return (299 * red + 587 * green + 114 * blue) / 1000;
}

/* Channel c of `channels` at the pixel whose numbers begin at `pixel`. */
static double channel(const gr_pixels *p, size_t pixel, int channels, int c) {
    bool colour = p->channels >= 3, has_alpha = p->channels % 2 == 0;
    if (channels % 2 == 0 && c == channels - 1)
        return has_alpha ? number(p, pixel + (size_t)p->channels - 1) : 1;
    if (!colour) return number(p, pixel);
    return channels >= 3 ? number(p, pixel + (size_t)c) : luma(p, pixel);
}

static void fill_plane(const gr_pixels *p, int channels, int c, gr_real *to) {
    size_t n = (size_t)p->height * (size_t)p->width;
    for (size_t i = 0; i < n; i++)
        to[i] = (gr_real)channel(p, i * (size_t)p->channels, channels, c);
}

bool gr_picture_place(gr_graph *g, const char *who, const gr_pixels *p, int channels, int height,
                      int width, gr_real *to) {
    size_t plane = (size_t)height * (size_t)width;
    if (height == p->height && width == p->width) {
        for (int c = 0; c < channels; c++) fill_plane(p, channels, c, to + (size_t)c * plane);
        return true;
    }
    size_t from_size = (size_t)p->height * (size_t)p->width;
    size_t bytes = (from_size + (size_t)p->height * (size_t)width) * sizeof(gr_real);
    gr_real *from = gr_budget_alloc(&g->budget, bytes);
    if (from == NULL) return gr_fail(g, "%s: no memory to resize a picture", who);
    for (int c = 0; c < channels; c++) {
        fill_plane(p, channels, c, from);
        gr_resize_plane(from, p->height, p->width, to + (size_t)c * plane, height, width,
                        from + from_size);
    }
    gr_budget_free(&g->budget, from, bytes);
    return true;
}
