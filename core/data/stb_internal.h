/* stb_image and stb_image_write, which stb.c compiles: what the library asks of them. */
#ifndef GR_STB_INTERNAL_H
#define GR_STB_INTERNAL_H

#include "core/graph/arena_internal.h"

#include <stdio.h>

#pragma GCC visibility push(hidden)

typedef enum gr_picture_format { GR_PNG, GR_JPEG, GR_BMP } gr_picture_format;

/* A decoded picture: rows from the top, pixels from the left, channels side by side. */
typedef struct gr_pixels {
    int height, width, channels; /* 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha */
    int maximum;                 /* the number that stands for 1 */
    uint8_t *narrow;             /* the numbers if maximum < 256, else NULL */
    uint16_t *wide;              /* the numbers otherwise */
} gr_pixels;

/* Decodes PNG, JPEG, BMP, TGA or a GIF's first picture. False if it can't, and *damage then says
 * why. All memory comes from the budget. */
bool gr_stb_decode(gr_budget *budget, const unsigned char *bytes, size_t size, gr_pixels *pixels,
                   const char **damage);
/* Zeros for the size, channels and maximum that are set; false if there is no memory. */
bool gr_pixels_alloc(gr_budget *budget, gr_pixels *pixels);
/* Frees what either of them made. */
void gr_pixels_free(gr_budget *budget, gr_pixels *pixels);

/* False if there is no memory for it; whether all was written the file knows (ferror). */
bool gr_stb_write(gr_budget *budget, FILE *file, gr_picture_format format, const gr_pixels *pixels,
                  int quality);

enum {
    GR_LARGEST_SIDE = 1 << 16,
    /* More pixels a byte of the file than any of the formats reaches: 8 a byte of a PNG in black
     * and white, and deflate's 1032. */
    GR_PIXELS_PER_BYTE = 1 << 14
};

/* What can't be true of a picture that a header of a file of this size promises; NULL if all
 * can. */
const char *gr_implausible(const gr_pixels *pixels, size_t file_size);

#pragma GCC visibility pop

#endif
