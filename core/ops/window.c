#include "core/ops/window_internal.h"

#include <limits.h>

int gr_pair_part(gr_pair pair, int i) {
    if (pair >= INT_MIN && pair <= INT_MAX) return (int)pair;
    uint64_t both = (uint64_t)pair - ((uint64_t)1 << 62);
    int32_t width = (int32_t)(uint32_t)both;
    return i == 1 ? width : (int32_t)(uint32_t)((both - (uint64_t)(int64_t)width) >> 32);
}

void gr_pair_split(gr_pair pair, int parts[2]) {
    parts[0] = gr_pair_part(pair, 0);
    parts[1] = gr_pair_part(pair, 1);
}

gr_text gr_pair_text(const int pair[2]) { return gr_shape_text(GR_SHAPE(pair[0], pair[1])); }

bool gr_pair_at_least(const gr_node *n, const char *name, const int pair[2], int low) {
    if (pair[0] >= low && pair[1] >= low) return true;
    return gr_fail(n->graph, "%s: %s is %s, expected at least %d", n->op->name, name,
                   gr_pair_text(pair).text, low);
}

bool gr_window_check(const gr_node *n, const gr_window *w) {
    if (n->in[0]->shape.ndim != 4)
        return gr_fail(n->graph, "%s: %s, expected (N,C,H,W)", n->op->name, gr_operand(n, 0).text);
    return gr_pair_at_least(n, "kernel", w->kernel, 1) &&
           gr_pair_at_least(n, "stride", w->stride, 1) &&
           gr_pair_at_least(n, "dilation", w->dilation, 1) &&
           gr_pair_at_least(n, "padding", w->padding, 0);
}

bool gr_window_places(const gr_node *n, const gr_window *w, int places[2]) {
    for (int i = 0; i < 2; i++) {
        int64_t kernel = (int64_t)w->dilation[i] * (w->kernel[i] - 1) + 1;
        int64_t padded = n->in[0]->shape.dim[2 + i] + 2 * (int64_t)w->padding[i];
        if (kernel > padded || padded > INT_MAX)
            return gr_fail(n->graph,
                           "%s: %s: dimension %d has %lld elements with its padding, and the "
                           "kernel %lld with its dilation",
                           n->op->name, gr_operand(n, 0).text, 2 + i, (long long)padded,
                           (long long)kernel);
        places[i] = (int)((padded - kernel) / w->stride[i] + 1);
    }
    return true;
}
