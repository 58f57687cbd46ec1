/* One module after the other. */
#ifndef GR_SEQUENTIAL_H
#define GR_SEQUENTIAL_H

#include "nn/module.h"

/* gr_sequential(g, a, b, c): y = c(b(a(x))); the parameters' names begin with the place,
 * "0.weight". */
#define gr_sequential(g, ...)                                                                      \
    gr_sequential_(g, (gr_module *[]){__VA_ARGS__},                                                \
                   (int)(sizeof((gr_module *[]){__VA_ARGS__}) / sizeof(gr_module *)))
gr_module *gr_sequential_(gr_graph *g, gr_module *const *modules, int n);

#endif
