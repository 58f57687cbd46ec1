/* Pictures between a file's bytes and a tensor. */
#ifndef GR_PICTURE_INTERNAL_H
#define GR_PICTURE_INTERNAL_H

#include "core/data/image.h"
#include "core/data/stb_internal.h"
#include "core/graph/graph.h"

#pragma GCC visibility push(hidden)

/* False after an error that begins with `who` if the options can't be. */
bool gr_image_check(gr_graph *g, const char *who, gr_image_options options);

/* Decodes any of the formats. False after an error that begins with `who` and `name`. */
bool gr_picture_decode(gr_graph *g, const char *who, const char *name, const unsigned char *bytes,
                       size_t size, gr_pixels *pixels);
void gr_picture_free(gr_graph *g, gr_pixels *pixels);

/* Writes the picture as planes (channels, height, width) of reals in [0,1], its channels converted
 * and its size changed. False after an error. */
bool gr_picture_place(gr_graph *g, const char *who, const gr_pixels *pixels, int channels,
                      int height, int width, gr_real *to);

/* From (in_height, in_width) to (height, width); `rows` has room for in_height * width. Means over
 * areas where a side shrinks, linear interpolation where it grows. */
void gr_resize_plane(const gr_real *from, int in_height, int in_width, gr_real *to, int height,
                     int width, gr_real *rows);

#pragma GCC visibility pop

#endif
