/* The smallest training: what it takes from process start to the end of its first step, and how
 * large a program with the library is. */
#include <stdio.h>

#include "gradus.h"

int main(void) {
    gr_graph *g = gr_graph_new(.seed = 42, .threads = 1);
    gr_module *net = gr_sequential(g, gr_linear(g, 10, 20), gr_relu_layer(g), gr_linear(g, 20, 20),
                                   gr_relu_layer(g), gr_linear(g, 20, 1));
    gr_optimizer *opt = gr_adam(net, .lr = 1e-3);
    gr_tensor *x = gr_normal(g, GR_SHAPE(32, 10), 0, 1), *y = gr_normal(g, GR_SHAPE(32, 1), 0, 1);
    gr_tensor *loss = gr_huber(gr_forward(net, x), y, .delta = 1.0);
    gr_backward(loss);
    gr_step(opt);
    if (gr_failed(g))
        fprintf(stderr, "%s\n", gr_error(g));
    else
        printf("%g\n", gr_item(loss));
    gr_graph_free(g);
    return 0;
}
