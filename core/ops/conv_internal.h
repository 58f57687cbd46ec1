/* What the ways to compute a convolution share: conv.c chooses among them. */
#ifndef GR_CONV_INTERNAL_H
#define GR_CONV_INTERNAL_H

#include "core/graph/graph_internal.h"
#include "core/ops/window_internal.h"

#pragma GCC visibility push(hidden)

typedef struct gr_conv_params {
    gr_window window; /* but the kernel, which the weight tells */
    int output_padding[2], groups;
    gr_shape out; /* of the result, where an operation is a gradient; else it has no dimensions */
} gr_conv_params;

/* Sizes of the three tensors x (N,C,H,W), w (O,C/groups,kh,kw), y (N,O,P,Q); channels are those of
 * one group. */
typedef struct gr_conv_geometry {
    gr_patches patches;
    int64_t batch, groups, x_channels, y_channels;
    int64_t taps, rows;       /* kh kw; rows of patches, x_channels taps */
    int64_t image, positions; /* H W; P Q */
    int64_t out_height;       /* P */
    bool plain;               /* patches are the image itself: one tap, no padding, no steps */
} gr_conv_geometry;

gr_conv_geometry gr_conv_geometry_of(const gr_conv_params *p, gr_shape x, gr_shape w, gr_shape y);

/* The tensors' elements, one of them the result. The bias belongs to the channels of the result; it
 * may be NULL, and is if that is w. */
typedef struct gr_conv_data {
    gr_real *x, *w, *y;
    const gr_real *bias;
    /* If not NULL, y stands for a larger tensor: as result, what max pooling by 2 by 2 makes of its
     * relu, (N,O,P/2,Q/2), with places; as operand, what pooling's gradient puts at these places.
     * Only gr_conv_direct_... know of it. */
    int32_t *place;
} gr_conv_data;

/* By products with the matrix of patches, for all geometries (conv_patches.c). The tensors are not
 * empty. */
void gr_conv_patches_y(const gr_node *n, const gr_conv_geometry *s, const gr_conv_data *d);
void gr_conv_patches_x(const gr_node *n, const gr_conv_geometry *s, const gr_conv_data *d);
void gr_conv_patches_w(const gr_node *n, const gr_conv_geometry *s, const gr_conv_data *d);

/* Without that matrix, where gr_conv_direct says that it can be done and pays (conv_direct.c). */
bool gr_conv_direct(const gr_conv_geometry *s);
/* Also with places. */
bool gr_conv_direct_pool(const gr_kernels *k, const gr_conv_geometry *s);
void gr_conv_direct_y(const gr_node *n, const gr_conv_geometry *s, const gr_conv_data *d);
void gr_conv_direct_x(const gr_node *n, const gr_conv_geometry *s, const gr_conv_data *d);
void gr_conv_direct_w(const gr_node *n, const gr_conv_geometry *s, const gr_conv_data *d);

/* With a sample in each lane of a vector, where gr_conv_lanes says that it pays (conv_lanes.c). */
bool gr_conv_lanes(const gr_conv_geometry *s);
void gr_conv_lanes_y(const gr_node *n, const gr_conv_geometry *s, const gr_conv_data *d);
void gr_conv_lanes_x(const gr_node *n, const gr_conv_geometry *s, const gr_conv_data *d);
void gr_conv_lanes_w(const gr_node *n, const gr_conv_geometry *s, const gr_conv_data *d);

/* Calls f(context, i, scratch) for all i < items, in as many threads as the convolution deserves,
 * each with scratch memory for so many numbers, aligned to 64 bytes. Which thread does an item must
 * not matter to the result. An error if there is no memory. */
typedef void gr_conv_item(const void *context, int64_t i, gr_real *scratch);
void gr_conv_run(const gr_node *n, const gr_conv_geometry *s, int64_t items, int64_t scratch,
                 gr_conv_item *f, const void *context);
/* Memory of the step for so many bytes, to be given back with gr_conv_release before any other is
 * asked for; NULL after an error. */
void *gr_conv_memory(const gr_node *n, size_t bytes);
void gr_conv_release(const gr_node *n, void *memory, size_t bytes);

/* The gradients with respect to x and to the weight, whose shapes are given since a step in x that
 * no patch reaches is lost in the operands' shapes. */
gr_tensor *gr_conv_to_x(gr_tensor *y, gr_tensor *weight, const gr_conv_params *p, gr_shape shape);
gr_tensor *gr_conv_to_weight(gr_tensor *x, gr_tensor *y, const gr_conv_params *p, gr_shape shape);

/* max_pool2d(relu(conv2d(..)), 2), in one operation where that can be done (conv_pool.c). */
gr_tensor *gr_conv2d_relu_pool(const gr_conv2d_args *a);

/* How many sums the batch is cut into, each for one thread: by sizes alone. */
int64_t gr_conv_pieces(const gr_conv_geometry *s);

static inline int64_t gr_least(int64_t a, int64_t b) { return a < b ? a : b; }
/* n cut into pieces as equal as possible: where the i-th begins. */
static inline int64_t gr_cut(int64_t n, int64_t pieces, int64_t i) { return n * i / pieces; }
static inline int64_t gr_pieces_of(int64_t n, int64_t piece) {
    return n > 0 ? (n + piece - 1) / piece : 1;
}
/* Numbers rounded up to a cache line, or to a vector. */
static inline int64_t gr_aligned(int64_t numbers) { return (numbers + 15) / 16 * 16; }

#pragma GCC visibility pop

#endif
