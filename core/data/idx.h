/* Arrays from IDX files, the format of MNIST's pictures and labels.
 *
 *     gr_tensor *labels = gr_idx_read(g, "t10k-labels-idx1-ubyte.gz");                  // (N)
 *     gr_tensor *pictures = gr_idx_read(g, "t10k-images-idx3-ubyte", .divisor = 255);   // (N,H,W)
 *
 * Files may be compressed by gzip, whatever their name says. Elements are bytes with and without
 * sign, integers of 2 and 4 bytes, and floats of 4 and 8 bytes, all big-endian; up to 6 dimensions.
 *
 * Integers give a tensor of integers and floats one of reals, as gr_npy_read does. Given a divisor
 * they all give reals, the element divided by it: pictures come out in [0,1] with no copy of them
 * as integers in between.
 *
 * Format: Y. LeCun, C. Cortes, C. Burges, The MNIST database of handwritten digits, section "The
 * IDX file format".
 */
#ifndef GR_IDX_H
#define GR_IDX_H

#include "core/graph/graph.h"

typedef struct gr_idx_options {
    const char *path;
    double divisor; /* 0: elements as they are */
} gr_idx_options;

/* The file's array; it lasts as long as the graph. NULL and an error that names the file if it
 * can't be read, is no IDX file, has elements of another type, has fewer or more bytes than its
 * header says, or is compressed and damaged (checksums are compared). What a header promises and
 * the file can't hold is never allocated, and no more is unpacked than it promises. */
#define gr_idx_read(g, ...) gr_idx_read_(g, (gr_idx_options){.path = __VA_ARGS__})
gr_tensor *gr_idx_read_(gr_graph *g, gr_idx_options options);
/* The same from memory; `options.path` is what messages call it. */
gr_tensor *gr_idx_parse(gr_graph *g, const void *bytes, size_t size, gr_idx_options options);

#endif
