/* Modules: functions with parameters, put together into networks.
 *
 *     gr_module *net =
 *         gr_sequential(g, gr_linear(g, 10, 20), gr_relu_layer(g), gr_linear(g, 20, 1));
 *     gr_tensor *y = gr_forward(net, x);
 *
 * A module lasts as long as its graph. Its parameters are named as in PyTorch: the path of the
 * modules, then the parameter, "0.weight". A layer of your own is a struct that begins with a
 * gr_module, a type with its forward function, and a function that makes one; the library's layers
 * are made in the same way:
 *
 *     typedef struct shift_layer {
 *         gr_module module;
 *         gr_tensor *shift;
 *     } shift_layer;
 *     static gr_tensor *shift_forward(gr_module *m, gr_tensor *x) {
 *         return gr_add(x, ((shift_layer *)m)->shift);
 *     }
 *     static const gr_module_type shift_type = {"shift", shift_forward};
 *     gr_module *shift_layer_new(gr_graph *g, int n) {
 *         shift_layer *l = gr_module_new(g, &shift_type, sizeof *l);
 *         if (l == NULL) return NULL;
 *         l->shift = gr_add_parameter(&l->module, "shift", GR_SHAPE(n));
 *         return gr_failed(g) ? NULL : &l->module;
 *     }
 *
 * Forward gets an x that is not NULL, of m's graph; its shape and kind are for the layer, or the
 * operations that it uses, to check. Functions that are given NULL return NULL, so that one look at
 * the end will do.
 *
 * A module may be made of others, its children, whose parameters become its own under longer names
 * ("encoder.weight"). Numbers that are saved but not trained are buffers. `training` says whether
 * to compute as in training or as in evaluation. An autoencoder whose input is disturbed in
 * training has all three:
 *
 *     typedef struct denoiser {
 *         gr_module module;
 *         gr_module *encoder, *decoder;
 *         gr_tensor *noise;
 *     } denoiser;
 *     static gr_tensor *denoiser_forward(gr_module *m, gr_tensor *x) {
 *         denoiser *d = (denoiser *)m;
 *         if (m->training) x = gr_add(x, gr_mul(gr_normal(m->graph, x->shape, 0, 1), d->noise));
 *         return gr_forward(d->decoder, gr_tanh(gr_forward(d->encoder, x)));
 *     }
 *     static const gr_module_type denoiser_type = {"denoiser", denoiser_forward};
 *     gr_module *denoiser_new(gr_graph *g, int n, int code, double noise) {
 *         denoiser *d = gr_module_new(g, &denoiser_type, sizeof *d);
 *         if (d == NULL) return NULL;
 *         d->encoder = gr_linear(g, n, code);
 *         d->decoder = gr_linear(g, code, n);
 *         d->noise = gr_add_buffer(&d->module, "noise", gr_scalar(g, noise));
 *         gr_add_child(&d->module, "encoder", d->encoder);
 *         gr_add_child(&d->module, "decoder", d->decoder);
 *         return gr_failed(g) ? NULL : &d->module;
 *     }
 *
 * Where modules only follow one another, or one is added to another, no type of your own is needed:
 * see sequential.h and container.h.
 */
#ifndef GR_MODULE_H
#define GR_MODULE_H

#include "core/graph/graph.h"

typedef struct gr_module gr_module;

typedef struct gr_module_type {
    const char *name;                                  /* "linear", for messages */
    gr_tensor *(*forward)(gr_module *m, gr_tensor *x); /* NULL if only its children compute */
} gr_module_type;

struct gr_module {
    const gr_module_type *type;
    gr_graph *graph;
    const char *name;                /* below its parent, "0"; NULL without one */
    bool training;                   /* gr_set_training */
    gr_list parameters, buffers;     /* its own and its children's */
    int parameter_room, buffer_room; /* in these lists */
    gr_module *parent;               /* the module that it was added to */
    gr_module *children, *next;      /* its first child; its parent's next child */
};

/* y = m(x), or NULL if the computation fails. A module or x that is NULL, an x of another graph, or
 * a module without forward is an error. */
gr_tensor *gr_forward(gr_module *m, gr_tensor *x);
/* gr_forward for those that take a function and its context:
 * gr_gradient_penalty(gr_module_function, net, real, fake). */
gr_tensor *gr_module_function(void *module, gr_tensor *x);

/* All parameters below m, in the order in which they were added; empty for NULL. */
gr_list gr_parameters(const gr_module *m);
/* By its name below m, "0.weight"; NULL if there is none, which is no error. */
gr_tensor *gr_parameter_named(const gr_module *m, const char *name);
/* The number of trained numbers: the parameters' elements. */
int64_t gr_parameter_size(const gr_module *m);
/* Forgets the gradients of all parameters below m. */
void gr_clear_grads(gr_module *m);

/* What else a module's results depend on and is saved with it, but is not trained: the running
 * means of a batch normalisation, "1.running_mean". Lists and names as those of parameters. */
gr_list gr_buffers(const gr_module *m);
gr_tensor *gr_buffer_named(const gr_module *m, const char *name);

/* Whether m and all below it compute as in training, which they do at first, or as in evaluation:
 * the difference is the layer's (dropout, batch normalisation). Recording is another matter, that
 * of gr_no_grad_begin. */
void gr_set_training(gr_module *m, bool training);

/* The child that was added under this name, "0" of a sequential; NULL if there is none, which is no
 * error. */
gr_module *gr_child(const gr_module *m, const char *name);

/* -- For writing modules -- */

/* `bytes` of zeroed memory that begin with the module; NULL and an error if there is none. `type`
 * is not copied. */
void *gr_module_new(gr_graph *g, const gr_module_type *type, size_t bytes);
/* A new parameter of zeros, to be initialised (init.h). Its name is copied and is the only one of
 * its kind below m; NULL for a NULL m. */
gr_tensor *gr_add_parameter(gr_module *m, const char *name, gr_shape shape);
/* A new buffer, a copy of `initial` (reals or integers) that lasts; otherwise as gr_add_parameter.
 */
gr_tensor *gr_add_buffer(gr_module *m, const char *name, gr_tensor *initial);
/* Puts `child` below m; its parameters' and buffers' names get "name." in front. A child has one
 * parent, of its graph, and has all its own parameters, buffers and children by then; anything else
 * is an error. False for a NULL m. */
bool gr_add_child(gr_module *m, const char *name, gr_module *child);

#endif
