/* Pictures: from files to tensors, from tensors to files.
 *
 *     gr_tensor *x = gr_image_read(g, "cat.jpg", .channels = 3, .height = 32, .width = 32);
 *     gr_image_set *set = gr_image_folder(g, "flowers", .channels = 3, .height = 64, .width = 64);
 *     gr_image_write(x, "copy.png");
 *     gr_image_write_grid(samples, "epoch-3.png", .low = -1);    // samples (N,C,H,W) in [-1,1]
 *
 * Reads PNG, JPEG, BMP, TGA, the first picture of a GIF, and PNM (P5 and P6), told by the content;
 * writes PNG, JPEG and BMP. A tensor of a picture is (C,H,W), rows from the top, with
 *
 *     C = 1   grey             C = 3   red, green, blue
 *     C = 2   grey, alpha      C = 4   red, green, blue, alpha
 *
 * Values are those of the file divided by the largest that it could hold (255, or 65535 for PNG and
 * PNM of 16 bits): reals in [0,1], with no correction for gamma.
 *
 * Checksums of PNG are compared. JPEG, BMP, TGA and GIF have none, so that damage inside of a
 * picture may pass; a file that ends too early does not. What a header promises is held against the
 * file's size and the graph's memory_limit before memory is taken for it; sides are at most 65536.
 *
 * Decoding is done by stb_image, https://github.com/nothings/stb.
 */
#ifndef GR_IMAGE_H
#define GR_IMAGE_H

#include "core/graph/graph.h"

/* -- Reading -- */

typedef struct gr_image_options {
    const char *path;
    int channels;      /* 1 to 4; 0: as in the file. A GIF has 4 */
    int height, width; /* 0: as in the file */
} gr_image_options;

/* The picture (C,H,W), lasting. NULL and an error that names the file if it can't be read, is none
 * of these formats or is damaged.
 *
 * Other channels than the file's: grey is 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601, as in JPEG);
 * grey to colour is the same number three times; alpha is left out, or 1 where there is none.
 * Another size: along a side that shrinks an element is the mean over the area that it covers,
 * along one that grows it is interpolated linearly between the nearest two (the same as PyTorch's
 * interpolate, bilinear, align_corners=False). Proportions are not kept, alpha is resized as
 * any. */
#define gr_image_read(g, ...) gr_image_read_(g, (gr_image_options){.path = __VA_ARGS__})
gr_tensor *gr_image_read_(gr_graph *g, gr_image_options options);
/* The same from memory; `options.path` is what messages call it. */
gr_tensor *gr_image_parse(gr_graph *g, const void *bytes, size_t size, gr_image_options options);

typedef struct gr_image_set {
    gr_tensor *x; /* (N,C,H,W), reals in [0,1] */
    gr_tensor *y; /* (N), the class of each, integers 0 to n_classes-1 */
    int n, n_classes;
    const char **classes; /* their names */
    const char **paths;   /* of each picture */
} gr_image_set;

/* All pictures of a directory with a sub-directory for each class: flowers/rose/1.jpg. Classes are
 * numbered, and the pictures of a class ordered, by the bytes of their names. Files beside the
 * classes, and names that begin with a dot, are passed over. `path` is the directory's; all lasts
 * as long as the graph.
 *
 * NULL and an error that names the file or directory if there are no classes, a class is empty, one
 * of its files is no picture (also if it is a directory), or, without `channels`, `height` and
 * `width`, pictures differ from the first one in what is not given. */
#define gr_image_folder(g, ...) gr_image_folder_(g, (gr_image_options){.path = __VA_ARGS__})
gr_image_set *gr_image_folder_(gr_graph *g, gr_image_options options);

/* -- Writing -- */

typedef struct gr_image_write_options {
    const char *path;
    double low, high; /* the values of black and of full brightness */
    int quality;      /* of a JPEG, 1 to 100 */
} gr_image_write_options;

/* gr_image_write(t, path) or gr_image_write(t, path, .low = -1, .high = 1, .quality = 95): writes
 * t, (H,W) or (C,H,W) with C as above, in 8 bits:
 *
 *     byte = round(255 (t - low) / (high - low)), cut to 0 ... 255.
 *
 * What was read from a PNG or BMP of 8 bits is written so without change. The name's ending says
 * the format: .png, .jpg or .jpeg, .bmp. JPEG takes 1 or 3 channels, BMP 1, 3 or 4. low and high
 * are 0 and 1 unless given; with low above high the picture is a negative.
 *
 * The file is written to `path`.tmp, which then takes the place of `path`. False and an error if
 * not all could be written, if t is empty or has another shape, or if an element is NaN; a file
 * that was there before then stays as it was. */
#define gr_image_write(t, ...)                                                                     \
    gr_image_write_(t, (gr_image_write_options){.high = 1, .quality = 90, .path = __VA_ARGS__})
bool gr_image_write_(const gr_tensor *t, gr_image_write_options options);

typedef struct gr_image_grid_options {
    const char *path;
    double low, high;
    int quality;
    int columns;       /* 0: ceil(sqrt(N)), about a square */
    int padding;       /* pixels around and between pictures */
    double background; /* of these pixels, from 0 (black) to 1, whatever low and high are */
} gr_image_grid_options;

/* The same for t (N,H,W) or (N,C,H,W), as one picture of rows of `columns` pictures each, of height
 * rows (H + padding) + padding and width columns (W + padding) + padding. The last row is filled up
 * with background, whose alpha is 1. Unless given, padding is 2 and background 0. */
#define gr_image_write_grid(t, ...)                                                                \
    gr_image_write_grid_(                                                                          \
        t, (gr_image_grid_options){.high = 1, .quality = 90, .padding = 2, .path = __VA_ARGS__})
bool gr_image_write_grid_(const gr_tensor *t, gr_image_grid_options options);

#endif
