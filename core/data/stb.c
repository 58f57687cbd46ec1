/* stb_image and stb_image_write, compiled here and nowhere else, all static. Their memory is taken
 * from the graph's budget, so that its limit holds and a damaged file can't take more than its
 * header justifies. */
#include "core/data/stb_internal.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

/* -- Memory -- */

/* What the call at work in this thread may take; stb's macros have no room for an argument. */
static _Thread_local struct {
    gr_budget *budget;
    size_t left;
} allowance;

/* Stands before each block. */
typedef struct block {
    size_t bytes;
} block;
enum { BLOCK_HEADER = GR_ALIGN_STRUCT };

static void *allowed(size_t bytes) {
    if (bytes > allowance.left) return NULL;
    block *b = gr_budget_alloc(allowance.budget, BLOCK_HEADER + bytes);
    if (b == NULL) return NULL;
    allowance.left -= bytes;
    b->bytes = bytes;
    /* Pixels that a damaged file does not have are black, not what was here before. */
    return memset((char *)b + BLOCK_HEADER, 0, bytes);
}

static void give_back(void *p) {
    if (p == NULL) return;
    block *b = (block *)((char *)p - BLOCK_HEADER);
    allowance.left += b->bytes;
    gr_budget_free(allowance.budget, b, BLOCK_HEADER + b->bytes);
}

static void *resized(void *p, size_t bytes) {
    void *bigger = allowed(bytes);
    if (bigger == NULL || p == NULL) return bigger;
    size_t old = ((block *)((char *)p - BLOCK_HEADER))->bytes;
    memcpy(bigger, p, old < bytes ? old : bytes);
    give_back(p);
    return bigger;
}

/* In place of stb's own compression, which writes past its memory where there is no more. */
static unsigned char *compressed(unsigned char *data, int size, int *compressed_size, int level) {
    uLongf bytes = compressBound((uLong)size);
    unsigned char *to = bytes <= INT_MAX ? allowed(bytes) : NULL;
    if (to == NULL) return NULL;
    if (compress2(to, &bytes, data, (uLong)size, level) == Z_OK) {
        *compressed_size = (int)bytes;
        return to;
    }
    give_back(to);
    return NULL;
}

/* -- The two headers -- */

#define STBI_MALLOC(bytes) allowed(bytes)
#define STBI_REALLOC(p, bytes) resized(p, bytes)
#define STBI_FREE(p) give_back(p)
#define STBI_ASSERT(x) ((void)0) /* nothing aborts */
#define STBI_MAX_DIMENSIONS GR_LARGEST_SIDE
#define STBI_FAILURE_USERMSG
#define STBI_ONLY_PNG
#define STBI_ONLY_JPEG
#define STBI_ONLY_BMP
#define STBI_ONLY_TGA
#define STBI_ONLY_GIF
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION

#define STBIW_MALLOC(bytes) allowed(bytes)
#define STBIW_REALLOC(p, bytes) resized(p, bytes)
#define STBIW_FREE(p) give_back(p)
#define STBIW_ASSERT(x) ((void)0)
#define STBIW_ZLIB_COMPRESS compressed
#define STBI_WRITE_NO_STDIO
#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION

/* gcc looks for unused functions at the end of the file, so that this one is not taken back. */
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include <stb/stb_image.h>
#include <stb/stb_image_write.h>
#pragma GCC diagnostic pop

/* -- Decoding -- */

enum { PADDING = 1 << 10, LARGEST_PIXEL = 8 };

/* The file and zeros behind it: for stb the end of a file is a row of zeros, so that only the place
 * where it stopped reading tells whether the file was whole. */
typedef struct source {
    stbi__context context;
    unsigned char *bytes;
    size_t size, padded;
} source;

/* Zeros for one row more; stb asks for a row at a time at most and refuses what is not there. */
static bool pad(source *s, const unsigned char *bytes, size_t size, int width) {
    size_t padding = (size_t)width * LARGEST_PIXEL + PADDING;
    s->size = size;
    s->padded = size + padding;
    if (s->padded > INT_MAX) return false;
    s->bytes = allowed(s->padded);
    if (s->bytes == NULL) return false;
    memcpy(s->bytes, bytes, size);
    stbi__start_mem(&s->context, s->bytes, (int)s->padded);
    return true;
}

static bool read_beyond_end(const source *s) { return s->context.img_buffer > s->bytes + s->size; }

typedef enum format { UNKNOWN, PNG, BMP, GIF, JPEG, TGA } format;

/* TGA last, which has no mark of its own. */
static format format_of(stbi__context *s) {
    format f = stbi__png_test(s)    ? PNG
               : stbi__bmp_test(s)  ? BMP
               : stbi__gif_test(s)  ? GIF
               : stbi__jpeg_test(s) ? JPEG
               : stbi__tga_test(s)  ? TGA
                                    : UNKNOWN;
    stbi__g_failure_reason = NULL; /* why it is none of the others */
    return f;
}

/* stb's own function tries the next format when a header is damaged, and forgets what was wrong. */
static bool read_header(stbi__context *s, format f, gr_pixels *p) {
    int *w = &p->width, *h = &p->height, *c = &p->channels;
    switch (f) {
    case PNG:
        return stbi__png_info(s, w, h, c) != 0;
    case BMP:
        return stbi__bmp_info(s, w, h, c) != 0;
    case GIF:
        return stbi__gif_info(s, w, h, c) != 0;
    case JPEG:
        return stbi__jpeg_info(s, w, h, c) != 0;
    default:
        return stbi__tga_info(s, w, h, c) != 0;
    }
}

static void *read_numbers(stbi__context *s, format f, gr_pixels *p, stbi__result_info *info) {
    int *w = &p->width, *h = &p->height, *c = &p->channels;
    switch (f) {
    case PNG:
        return stbi__png_load(s, w, h, c, 0, info);
    case BMP:
        return stbi__bmp_load(s, w, h, c, 0, info);
    case GIF:
        return stbi__gif_load(s, w, h, c, 0, info);
    case JPEG:
        return stbi__jpeg_load(s, w, h, c, 0, info);
    default:
        return stbi__tga_load(s, w, h, c, 0, info);
    }
}

const char *gr_implausible(const gr_pixels *p, size_t file_size) {
    if (p->width <= 0 || p->height <= 0) return "its header promises a picture without pixels";
    if (p->width > GR_LARGEST_SIDE || p->height > GR_LARGEST_SIDE)
        return "a side of more than 65536 pixels";
    if ((size_t)p->width * (size_t)p->height / GR_PIXELS_PER_BYTE > file_size)
        return "its header promises a picture larger than the file can hold";
    return NULL;
}

static const char *reason(const source *s) {
    if (read_beyond_end(s)) return "the file ends before its picture does";
    const char *text = stbi_failure_reason();
    return text != NULL ? text : "it is damaged";
}

/* The size of the picture from the header; false if that is damaged or promises what can't be. */
static bool measure(source *s, gr_pixels *p, const char **damage) {
    format f = format_of(&s->context);
    *damage = "this is no PNG, JPEG, BMP, PNM, TGA or GIF file";
    if (f == UNKNOWN) return false;
    bool read = read_header(&s->context, f, p);
    *damage = reason(s);
    if (!read || read_beyond_end(s)) return false;
    if (p->height < 0 && p->height > -GR_LARGEST_SIDE) p->height = -p->height; /* a BMP's order */
    *damage = gr_implausible(p, s->size);
    return *damage == NULL;
}

/* The most that decoding takes at a time: the file twice, and for each pixel 8 bytes as unpacked,
 * grown to twice that, 8 filtered and 8 as converted; JPEG rounds sides up to 32. */
static size_t memory_for(const gr_pixels *p, size_t size) {
    return 48 * ((size_t)p->width + 32) * ((size_t)p->height + 32) + 4 * size + (1 << 20);
}

static bool load(source *s, gr_pixels *p, const char **damage) {
    stbi__result_info info = {.bits_per_channel = 8};
    format f = format_of(&s->context);
    void *numbers = read_numbers(&s->context, f, p, &info);
    *damage = reason(s);
    if (numbers != NULL && (read_beyond_end(s) || gr_implausible(p, s->size) != NULL)) {
        give_back(numbers);
        numbers = NULL;
    }
    bool wide = info.bits_per_channel == 16;
    p->maximum = wide ? UINT16_MAX : UINT8_MAX;
    if (wide)
        p->wide = numbers;
    else
        p->narrow = numbers;
    return numbers != NULL;
}

bool gr_stb_decode(gr_budget *budget, const unsigned char *bytes, size_t size, gr_pixels *pixels,
                   const char **damage) {
    *pixels = (gr_pixels){.height = 0};
    allowance.budget = budget;
    allowance.left = SIZE_MAX / 2;
    source s;
    *damage = "no memory to decode it";
    if (!pad(&s, bytes, size, 0)) return false;
    bool measured = measure(&s, pixels, damage);
    give_back(s.bytes);
    if (!measured) return false;
    allowance.left = memory_for(pixels, size) + size;
    *damage = "no memory to decode it";
    if (!pad(&s, bytes, size, pixels->width)) return false;
    bool loaded = load(&s, pixels, damage);
    give_back(s.bytes);
    return loaded;
}

/* -- Pixels -- */

bool gr_pixels_alloc(gr_budget *budget, gr_pixels *p) {
    size_t n = (size_t)p->height * (size_t)p->width * (size_t)p->channels;
    allowance.budget = budget;
    allowance.left = SIZE_MAX / 2;
    p->narrow = p->maximum > UINT8_MAX ? NULL : allowed(n);
    p->wide = p->maximum > UINT8_MAX ? allowed(2 * n) : NULL;
    return p->narrow != NULL || p->wide != NULL;
}

void gr_pixels_free(gr_budget *budget, gr_pixels *p) {
    allowance.budget = budget;
    give_back(p->narrow);
    give_back(p->wide);
    *p = (gr_pixels){.height = 0};
}

/* -- Encoding -- */

static void write_bytes(void *file, void *bytes, int size) { fwrite(bytes, 1, (size_t)size, file); }

bool gr_stb_write(gr_budget *budget, FILE *file, gr_picture_format format, const gr_pixels *pixels,
                  int quality) {
    allowance.budget = budget;
    allowance.left = SIZE_MAX / 2;
    int w = pixels->width, h = pixels->height, c = pixels->channels;
    if (format == GR_JPEG)
        return stbi_write_jpg_to_func(write_bytes, file, w, h, c, pixels->narrow, quality) != 0;
    if (format == GR_BMP)
        return stbi_write_bmp_to_func(write_bytes, file, w, h, c, pixels->narrow) != 0;
    return stbi_write_png_to_func(write_bytes, file, w, h, c, pixels->narrow, 0) != 0;
}
