#include "core/data/mnist.h"

#include "core/data/idx.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const gr_fashion_mnist_classes[GR_MNIST_CLASSES] = {
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot"};

static const char FASHION_HINT[] =
    "; apt-get install dataset-fashion-mnist, or get the four files from "
    "https://github.com/zalandoresearch/fashion-mnist";

/* Whose files are read, for messages. */
typedef struct source {
    gr_graph *g;
    const char *who, *directory, *hint;
} source;

/* -- One file -- */

/* Its path, with .gz if that is the file that can be read, to be freed; NULL after an error. */
static char *find(const source *s, const char *name) {
    size_t capacity = strlen(s->directory) + strlen(name) + sizeof "/.gz";
    char *path = malloc(capacity);
    if (path == NULL) return gr_fail(s->g, "%s: no memory", s->who);
    snprintf(path, capacity, "%s/%s", s->directory, name);
    if (access(path, R_OK) == 0) return path;
    strcat(path, ".gz");
    if (access(path, R_OK) == 0) return path;
    int error = errno;
    free(path);
    return gr_fail(s->g, "%s: can't read %s/%s or %s.gz: %s%s", s->who, s->directory, name, name,
                   strerror(error), s->hint);
}

static gr_tensor *read_part(const source *s, const char *name, int ndim, double divisor) {
    char *path = find(s, name);
    if (path == NULL) return NULL;
    gr_tensor *t = gr_idx_read(s->g, path, .divisor = divisor);
    if (t != NULL && t->shape.ndim != ndim)
        t = gr_fail(s->g, "%s: %s: shape %s, expected %s", s->who, path,
                    gr_shape_text(t->shape).text, ndim == 3 ? "pictures (N,H,W)" : "labels (N)");
    free(path);
    return t;
}

/* (N,H,W) becomes (N,1,H,W), the shape that convolutions expect. */
static gr_tensor *read_pictures(const source *s, const char *name) {
    gr_tensor *t = read_part(s, name, 3, 255);
    if (t != NULL) t->shape = GR_SHAPE(t->shape.dim[0], 1, t->shape.dim[1], t->shape.dim[2]);
    return t;
}

static gr_tensor *read_labels(const source *s, const char *name) {
    gr_tensor *t = read_part(s, name, 1, 0);
    if (t == NULL) return NULL;
    if (t->kind != GR_INDEX)
        return gr_fail(s->g, "%s: %s/%s: labels are no integers", s->who, s->directory, name);
    for (int64_t i = 0; i < t->size; i++)
        if (t->index[i] < 0 || t->index[i] >= GR_MNIST_CLASSES)
            return gr_fail(s->g, "%s: %s/%s: label %lld is %d, expected 0 to %d", s->who,
                           s->directory, name, (long long)i, (int)t->index[i],
                           GR_MNIST_CLASSES - 1);
    return t;
}

/* -- The four together -- */

static bool same_count(const source *s, const char *part, const gr_tensor *x, const gr_tensor *y) {
    if (x == NULL || y == NULL) return false;
    if (x->shape.dim[0] == y->shape.dim[0]) return true;
    gr_fail(s->g,
            "%s: %s: %d pictures in %s-images-idx3-ubyte and %d labels in %s-labels-idx1-ubyte",
            s->who, s->directory, x->shape.dim[0], part, y->shape.dim[0], part);
    return false;
}

static gr_mnist *read_all(const source *s) {
    gr_mnist *m = gr_alloc_lasting(s->g, sizeof *m);
    if (m == NULL) return NULL;
    /* The small files first: what is missing or wrong with them is known at once. */
    m->train_y = read_labels(s, "train-labels-idx1-ubyte");
    if (m->train_y != NULL) m->test_y = read_labels(s, "t10k-labels-idx1-ubyte");
    if (m->test_y != NULL) m->test_x = read_pictures(s, "t10k-images-idx3-ubyte");
    if (!same_count(s, "t10k", m->test_x, m->test_y)) return NULL;
    m->train_x = read_pictures(s, "train-images-idx3-ubyte");
    if (!same_count(s, "train", m->train_x, m->train_y)) return NULL;
    const int *train = m->train_x->shape.dim, *test = m->test_x->shape.dim;
    if (train[2] != test[2] || train[3] != test[3])
        return gr_fail(s->g, "%s: %s: pictures of %d x %d to train on and of %d x %d to test",
                       s->who, s->directory, train[2], train[3], test[2], test[3]);
    return m;
}

gr_mnist *gr_mnist_read(gr_graph *g, const char *directory) {
    if (g == NULL) return NULL;
    if (directory == NULL) return gr_fail(g, "gr_mnist_read: directory is NULL");
    return read_all(&(source){.g = g, .who = "gr_mnist_read", .directory = directory, .hint = ""});
}

gr_mnist *gr_fashion_mnist_read(gr_graph *g, const char *directory) {
    if (g == NULL) return NULL;
    return read_all(
        &(source){.g = g,
                  .who = "gr_fashion_mnist_read",
                  .directory = directory == NULL ? GR_FASHION_MNIST_DIRECTORY : directory,
                  .hint = FASHION_HINT});
}
