/* One module after the other. */
#ifndef GR_SEQUENTIAL_H
#define GR_SEQUENTIAL_H

#include "nn/module.h"

/* gr_sequential(g, a, b, c): y = c(b(a(x))); the parameters' names begin with the place,
 * "0.weight". A convolution followed by relu and max pooling by 2 is computed in one operation
 * where that can be done, with the same values. */
#define gr_sequential(g, ...)                                                                      \
    gr_sequential_(g, (gr_module *[]){__VA_ARGS__},                                                \
                   (int)(sizeof((gr_module *[]){__VA_ARGS__}) / sizeof(gr_module *)))
gr_module *gr_sequential_(gr_graph *g, gr_module *const *modules, int n);

/* A module and what it is called below another. */
typedef struct gr_named_module {
    const char *name;
    gr_module *module;
} gr_named_module;

/* gr_named_sequential(g, {"conv1", a}, {"relu", b}): the same with names of one's own,
 * "conv1.weight". */
#define gr_named_sequential(g, ...)                                                                \
    gr_named_sequential_(                                                                          \
        g, (gr_named_module[]){__VA_ARGS__},                                                       \
        (int)(sizeof((gr_named_module[]){__VA_ARGS__}) / sizeof(gr_named_module)))
gr_module *gr_named_sequential_(gr_graph *g, const gr_named_module *modules, int n);

#endif
