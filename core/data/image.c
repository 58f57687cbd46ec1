#include "core/data/image.h"

#include "core/data/file_internal.h"
#include "core/data/picture_internal.h"
#include "core/graph/graph_internal.h"

#include <stdlib.h>

bool gr_image_check(gr_graph *g, const char *who, gr_image_options o) {
    if (o.channels < 0 || o.channels > 4) {
        gr_fail(g, "%s: channels is %d, expected 0 to 4", who, o.channels);
        return false;
    }
    if (o.height >= 0 && o.height <= GR_LARGEST_SIDE && o.width >= 0 && o.width <= GR_LARGEST_SIDE)
        return true;
    gr_fail(g, "%s: height %d and width %d, expected 0 to %d", who, o.height, o.width,
            GR_LARGEST_SIDE);
    return false;
}

static gr_tensor *make_tensor(gr_graph *g, const gr_pixels *p, gr_image_options o) {
    int channels = o.channels > 0 ? o.channels : p->channels;
    int height = o.height > 0 ? o.height : p->height, width = o.width > 0 ? o.width : p->width;
    gr_tensor *t =
        gr_tensor_new(g, "gr_image_read", GR_REAL, GR_SHAPE(channels, height, width), true);
    if (t == NULL || gr_picture_place(g, "gr_image_read", p, channels, height, width, t->data))
        return t;
    gr_arena_give_back(&g->lasting, t->data, (size_t)t->size * sizeof *t->data, GR_ALIGN_DATA);
    return NULL;
}

gr_tensor *gr_image_parse(gr_graph *g, const void *bytes, size_t size, gr_image_options options) {
    if (g == NULL) return NULL;
    if (bytes == NULL) return gr_fail(g, "gr_image_parse: bytes is NULL");
    if (!gr_image_check(g, "gr_image_read", options)) return NULL;
    const char *name = options.path == NULL ? "picture" : options.path;
    gr_pixels pixels;
    if (!gr_picture_decode(g, "gr_image_read", name, bytes, size, &pixels)) return NULL;
    gr_tensor *t = make_tensor(g, &pixels, options);
    gr_picture_free(g, &pixels);
    return t;
}

gr_tensor *gr_image_read_(gr_graph *g, gr_image_options options) {
    if (g == NULL) return NULL;
    size_t size = 0;
    char *bytes = gr_read_file(g, "gr_image_read", options.path, &size);
    if (bytes == NULL) return NULL;
    gr_tensor *t = gr_image_parse(g, bytes, size, options);
    free(bytes);
    return t;
}
