#include "optim/checkpoint.h"

#include "core/data/batches_internal.h"
#include "core/data/safetensors_internal.h"
#include "nn/module_internal.h"

#include <stdarg.h>
#include <string.h>

static const char FORMAT[] = "gradus checkpoint 1";
#define PART_PREFIX "part."

typedef struct part part;
typedef struct listing listing;

struct part {
    const char *name, *key; /* "model", "part.model" */
    const char *kind;       /* "module"; an optimizer's own name */
    void *object;
    int n; /* of numbers */
    void (*list)(listing *l, const part *p);
    part *next;
};

struct gr_checkpoint {
    gr_graph *graph;
    part *parts;
    int n; /* parts that were added: all but the random numbers, which come first */
};

/* -- The list of all arrays: what is saved, and where it is loaded to -- */

/* What integers must lie between to be loaded; whatever they are if high < low. */
typedef struct bounds {
    int32_t low, high;
} bounds;

struct listing {
    gr_graph *graph;
    const char *who;
    gr_arena scratch;
    gr_array *arrays;
    bounds *bounds; /* of each array */
    int n, room;
    bool failed;
};

static void *scratch(listing *l, size_t bytes) {
    void *p = gr_arena_alloc(&l->scratch, bytes, GR_ALIGN_STRUCT);
    if (p != NULL) return p;
    l->failed = true;
    return gr_fail(l->graph, "%s: no memory for the list of what is in it", l->who);
}

static bool has_room(listing *l) {
    if (l->n < l->room) return true;
    int more = l->room == 0 ? 32 : 2 * l->room;
    gr_array *arrays = scratch(l, (size_t)more * sizeof *arrays);
    bounds *limits = scratch(l, (size_t)more * sizeof *limits);
    if (arrays == NULL || limits == NULL) return false;
    if (l->n > 0) {
        memcpy(arrays, l->arrays, (size_t)l->n * sizeof *arrays);
        memcpy(limits, l->bounds, (size_t)l->n * sizeof *limits);
    }
    l->arrays = arrays;
    l->bounds = limits;
    l->room = more;
    return true;
}

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
static char *
text(listing *l, const char *format, ...) {
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    size_t length = (size_t)vsnprintf(NULL, 0, format, arguments);
    char *s = scratch(l, length + 1);
    if (s != NULL) vsnprintf(s, length + 1, format, again);
    va_end(again);
    va_end(arguments);
    return s;
}

static void add_bounded(listing *l, char *name, gr_array a, bounds limits) {
    if (l->failed || !has_room(l)) return;
    a.name = name;
    a.size = gr_shape_size(a.shape);
    l->arrays[l->n] = a;
    l->bounds[l->n++] = limits;
}

static void add(listing *l, char *name, gr_array a) { add_bounded(l, name, a, (bounds){0, -1}); }

static gr_array one(gr_element element, void *data) {
    return (gr_array){.element = element, .shape = GR_SCALAR, .data = data};
}

static gr_array several(gr_element element, void *data, int n) {
    return (gr_array){.element = element, .shape = GR_SHAPE(n), .data = data};
}

static void add_flag(listing *l, char *name, bool *flag) {
    add_bounded(l, name, one(GR_BOOL, flag), (bounds){0, 1});
}

/* -- What each kind of part lists -- */

/* "ema.average.0.weight", "optimizer.0.weight.exp_avg": the part, what is before and after the
 * tensor's name. NULL after an error. */
static char *tensor_name(listing *l, const part *p, const char *before, const char *name,
                         const char *after) {
    if (name != NULL && *name != '\0')
        return text(l, "%s.%s%s%s%s", p->name, before, name, *after == '\0' ? "" : ".", after);
    l->failed = true;
    return gr_fail(l->graph, "%s: a parameter of %s has no name (gr_name)", l->who, p->name);
}

static void list_random(listing *l, const part *p) {
    add(l, text(l, "%s.seed", p->name), one(GR_I64, &l->graph->random.seed));
    add(l, text(l, "%s.counter", p->name), one(GR_I64, &l->graph->random.counter));
}

static void list_tensors(listing *l, const part *p, gr_list tensors) {
    for (int i = 0; i < tensors.n; i++) {
        const gr_tensor *t = tensors.items[i];
        add(l, tensor_name(l, p, "", gr_name_below(p->object, t), ""), gr_array_of(t, NULL));
    }
}

static void list_module(listing *l, const part *p) {
    list_tensors(l, p, gr_parameters(p->object));
    list_tensors(l, p, gr_buffers(p->object));
}

/* An array of the tensor's shape, wherever its elements are. */
static gr_array reals_like(const gr_tensor *t, gr_real *data) {
    return (gr_array){.element = GR_ELEMENT_OF_REAL, .shape = t->shape, .data = data};
}

static void list_group(listing *l, const part *p, gr_optimizer *group) {
    for (int i = 0; i < group->parameters.n; i++) {
        const gr_tensor *t = group->parameters.items[i];
        add(l, tensor_name(l, p, "", t->name, "step"), one(GR_I64, &group->steps[i]));
        for (int k = 0; k < group->type->memories; k++)
            add(l, tensor_name(l, p, "", t->name, group->type->memory_names[k]),
                reals_like(t, group->memory[k][i]));
    }
}

static void list_optimizer(listing *l, const part *p) {
    int n = 0;
    for (gr_optimizer *group = p->object; group != NULL; group = group->next, n++) {
        add(l, text(l, "%s.group%d.lr", p->name, n), one(GR_F64, &group->lr));
        add(l, text(l, "%s.group%d.weight_decay", p->name, n), one(GR_F64, &group->weight_decay));
        add(l, text(l, "%s.group%d.initial_lr", p->name, n), one(GR_F64, &group->initial_lr));
        list_group(l, p, group);
    }
}

static void list_ema(listing *l, const part *p) {
    gr_ema *ema = p->object;
    for (int i = 0; i < ema->parameters.n; i++) {
        const gr_tensor *t = ema->parameters.items[i];
        add(l, tensor_name(l, p, "average.", t->name, ""), reals_like(t, ema->average[i]));
    }
    add(l, text(l, "%s.decay", p->name), one(GR_F64, &ema->decay));
    add(l, text(l, "%s.updates", p->name), one(GR_I64, &ema->updates));
    add_flag(l, text(l, "%s.swapped", p->name), &ema->swapped);
}

static void list_batches(listing *l, const part *p) {
    gr_batches *b = p->object;
    add_bounded(l, text(l, "%s.order", p->name), several(GR_I32, b->order, b->length),
                (bounds){0, b->x->shape.dim[0] - 1});
    add_bounded(l, text(l, "%s.at", p->name), one(GR_I32, &b->at), (bounds){-1, b->length});
}

static void list_plateau(listing *l, const part *p) {
    gr_plateau *plateau = p->object;
    add(l, text(l, "%s.best", p->name), one(GR_F64, &plateau->best));
    add_flag(l, text(l, "%s.watched", p->name), &plateau->watched);
    add(l, text(l, "%s.bad_epochs", p->name), one(GR_I32, &plateau->bad_epochs));
    add(l, text(l, "%s.cooldown_left", p->name), one(GR_I32, &plateau->cooldown_left));
}

static void list_reals(listing *l, const part *p) {
    add(l, text(l, "%s", p->name), several(GR_F64, p->object, p->n));
}

static void list_integers(listing *l, const part *p) {
    add(l, text(l, "%s", p->name), several(GR_I64, p->object, p->n));
}

/* Lists all parts; false after an error. End it in any case. */
static bool list_all(listing *l, const gr_checkpoint *c, const char *who) {
    *l = (listing){.graph = c->graph, .who = who};
    l->scratch = (gr_arena){.budget = &c->graph->budget, .first_chunk = 4096};
    for (const part *p = c->parts; p != NULL && !l->failed; p = p->next) p->list(l, p);
    return !l->failed;
}

static void list_end(listing *l) { gr_arena_free(&l->scratch); }

/* What the metadata say of a part; NULL after an error. */
static const char *kind_of(listing *l, const part *p) {
    if (p->list != list_optimizer) return p->kind;
    int groups = 0;
    for (const gr_optimizer *group = p->object; group != NULL; group = group->next) groups++;
    return groups == 1 ? p->kind : text(l, "%s in %d groups", p->kind, groups);
}

/* -- Saying what is in it -- */

static bool add_part(gr_checkpoint *c, const part *model) {
    gr_graph *g = c->graph;
    part **end = &c->parts;
    for (; *end != NULL; end = &(*end)->next)
        if (strcmp((*end)->name, model->name) == 0)
            return gr_fail(g, "gr_checkpoint_add_%s: there is a part %s already",
                           model->list == list_optimizer ? "optimizer" : model->kind, model->name);
    part *p = gr_alloc_lasting(g, sizeof *p);
    char *key = gr_alloc_lasting(g, sizeof PART_PREFIX + strlen(model->name));
    if (p == NULL || key == NULL) return false;
    *p = *model;
    memcpy(key, PART_PREFIX, sizeof PART_PREFIX - 1);
    strcpy(key + sizeof PART_PREFIX - 1, model->name);
    p->key = key;
    p->name = key + sizeof PART_PREFIX - 1;
    *end = p;
    c->n++;
    return true;
}

gr_checkpoint *gr_checkpoint_new(gr_graph *g) {
    if (gr_failed(g)) return NULL;
    gr_checkpoint *c = gr_alloc_lasting(g, sizeof *c);
    if (c == NULL) return NULL;
    c->graph = g;
    const part p = {.name = "random", .kind = "random", .list = list_random};
    return add_part(c, &p) ? c : NULL;
}

/* Adds a part that belongs to the graph `of`. `what` is the end of the function's name. */
static bool add_checked(gr_checkpoint *c, const char *what, gr_graph *of, const part *p) {
    if (c == NULL || gr_failed(c->graph)) return false;
    if (p->name == NULL || *p->name == '\0')
        return gr_fail(c->graph, "gr_checkpoint_add_%s: the part has no name", what);
    if (p->object == NULL)
        return gr_fail(c->graph, "gr_checkpoint_add_%s: %s is NULL", what, p->name);
    if (of != c->graph)
        return gr_fail(c->graph, "gr_checkpoint_add_%s: %s belongs to another graph", what,
                       p->name);
    return add_part(c, p);
}

bool gr_checkpoint_add_module(gr_checkpoint *c, const char *name, gr_module *module) {
    const part p = {.name = name, .kind = "module", .object = module, .list = list_module};
    return add_checked(c, "module", module == NULL ? NULL : module->graph, &p);
}

bool gr_checkpoint_add_optimizer(gr_checkpoint *c, const char *name, gr_optimizer *opt) {
    part p = {.name = name, .list = list_optimizer};
    if (opt != NULL) p.object = opt->first;
    if (opt != NULL) p.kind = opt->type->name;
    return add_checked(c, "optimizer", opt == NULL ? NULL : opt->graph, &p);
}

bool gr_checkpoint_add_ema(gr_checkpoint *c, const char *name, gr_ema *ema) {
    const part p = {.name = name, .kind = "ema", .object = ema, .list = list_ema};
    return add_checked(c, "ema", ema == NULL ? NULL : ema->graph, &p);
}

bool gr_checkpoint_add_batches(gr_checkpoint *c, const char *name, gr_batches *batches) {
    const part p = {.name = name, .kind = "batches", .object = batches, .list = list_batches};
    return add_checked(c, "batches", batches == NULL ? NULL : batches->x->graph, &p);
}

bool gr_checkpoint_add_plateau(gr_checkpoint *c, const char *name, gr_plateau *plateau) {
    const part p = {.name = name, .kind = "plateau", .object = plateau, .list = list_plateau};
    return add_checked(c, "plateau", c == NULL ? NULL : c->graph, &p);
}

static bool add_numbers(gr_checkpoint *c, const part *p) {
    if (c != NULL && p->n < 1)
        return gr_fail(c->graph, "gr_checkpoint_add_%s: %d numbers, expected 1 or more", p->kind,
                       p->n);
    return add_checked(c, p->kind, c == NULL ? NULL : c->graph, p);
}

bool gr_checkpoint_add_reals(gr_checkpoint *c, const char *name, double *values, int n) {
    const part p = {.name = name, .kind = "reals", .object = values, .n = n, .list = list_reals};
    return add_numbers(c, &p);
}

bool gr_checkpoint_add_integers(gr_checkpoint *c, const char *name, int64_t *values, int n) {
    const part p = {
        .name = name, .kind = "integers", .object = values, .n = n, .list = list_integers};
    return add_numbers(c, &p);
}

/* -- Saving -- */

bool gr_checkpoint_save(const gr_checkpoint *c, const char *path) {
    if (c == NULL || gr_failed(c->graph)) return false;
    listing l;
    bool listed = list_all(&l, c, "gr_checkpoint_save");
    gr_metadata *metadata = listed ? scratch(&l, (size_t)(c->n + 2) * sizeof *metadata) : NULL;
    gr_metadata_list list = {.items = metadata};
    if (metadata != NULL) {
        metadata[list.n++] = (gr_metadata){"format", FORMAT};
        metadata[list.n++] = (gr_metadata){"real", gr_element_name(GR_ELEMENT_OF_REAL)};
        for (const part *p = c->parts; p != NULL; p = p->next)
            metadata[list.n++] = (gr_metadata){p->key, kind_of(&l, p)};
    }
    bool saved = metadata != NULL && !l.failed &&
                 gr_safetensors_save(c->graph, l.who, path, l.arrays, l.n, list);
    list_end(&l);
    return saved;
}

/* -- Loading -- */

static bool check_format(const gr_safetensors_file *f) {
    const char *format = gr_safetensors_value(f, "format"), *real = gr_safetensors_value(f, "real"),
               *expected = gr_element_name(GR_ELEMENT_OF_REAL);
    if (format == NULL || strcmp(format, FORMAT) != 0)
        return gr_safetensors_bad(f, "its format is %s%.40s%s, expected \"%s\"",
                                  format == NULL ? "" : "\"", format == NULL ? "not said" : format,
                                  format == NULL ? "" : "\"", FORMAT);
    if (real == NULL || strcmp(real, expected) != 0)
        return gr_safetensors_bad(f,
                                  "its reals are %.40s, expected %s: a training goes on in the "
                                  "precision in which it began",
                                  real == NULL ? "not said" : real, expected);
    return true;
}

static bool has_part(const gr_checkpoint *c, const char *key) {
    for (const part *p = c->parts; p != NULL; p = p->next)
        if (strcmp(p->key, key) == 0) return true;
    return false;
}

static bool check_parts(const gr_safetensors_file *f, const gr_checkpoint *c, listing *l) {
    const size_t prefix = sizeof PART_PREFIX - 1;
    for (const part *p = c->parts; p != NULL; p = p->next) {
        const char *there = gr_safetensors_value(f, p->key), *expected = kind_of(l, p);
        if (expected == NULL) return false;
        if (there == NULL)
            return gr_safetensors_bad(f, "there is no part %s (%s)", p->name, expected);
        if (strcmp(there, expected) != 0)
            return gr_safetensors_bad(f, "%s is %.100s, expected %s", p->name, there, expected);
    }
    for (int i = 0; i < f->n_metadata; i++) {
        const gr_metadata *m = &f->metadata[i];
        if (strncmp(m->key, PART_PREFIX, prefix) == 0 && !has_part(c, m->key))
            return gr_safetensors_bad(f, "it has a part %.200s (%.100s), which is not expected",
                                      m->key + prefix, m->value);
    }
    return true;
}

static bool within_bounds(const gr_safetensors_file *f, const gr_array *a, bounds limits) {
    int32_t value = 0;
    for (int64_t i = 0; limits.low <= limits.high && i < a->size; i++)
        if (!gr_array_integer(a, i, &value) || value < limits.low || value > limits.high)
            return gr_safetensors_bad(f, "%s: element %s is %d, expected %d to %d", a->name,
                                      gr_place_text(a->shape, i).text, value, limits.low,
                                      limits.high);
    return true;
}

static bool check_array(const gr_safetensors_file *f, const gr_array *expected, bounds limits) {
    const gr_array *a = gr_safetensors_array(f, expected->name);
    if (a == NULL)
        return gr_safetensors_bad(f, "there is no %s %s", expected->name,
                                  gr_array_text(expected).text);
    if (a->element != expected->element || !gr_shape_equal(a->shape, expected->shape))
        return gr_safetensors_bad(f, "%s is %s, expected %s", a->name, gr_array_text(a).text,
                                  gr_array_text(expected).text);
    return within_bounds(f, a, limits);
}

static bool is_listed(const listing *l, const char *name) {
    for (int i = 0; i < l->n; i++)
        if (strcmp(l->arrays[i].name, name) == 0) return true;
    return false;
}

static bool check_all(const gr_safetensors_file *f, const gr_checkpoint *c, listing *l) {
    if (!check_format(f) || !check_parts(f, c, l)) return false;
    for (int i = 0; i < l->n; i++)
        if (!check_array(f, &l->arrays[i], l->bounds[i])) return false;
    for (int i = 0; i < f->n && f->n > l->n; i++)
        if (!is_listed(l, f->arrays[i].name))
            return gr_safetensors_bad(f, "it holds %.200s %s, which is not expected",
                                      f->arrays[i].name, gr_array_text(&f->arrays[i]).text);
    return true;
}

bool gr_checkpoint_load(gr_checkpoint *c, const char *path) {
    if (c == NULL || gr_failed(c->graph)) return false;
    gr_safetensors_file f;
    listing l;
    bool listed = list_all(&l, c, "gr_checkpoint_load");
    bool fits = gr_safetensors_open(&f, c->graph, l.who, path) && listed && check_all(&f, c, &l);
    for (int i = 0; i < l.n && fits; i++)
        gr_array_to_memory(gr_safetensors_array(&f, l.arrays[i].name), l.arrays[i].data);
    gr_safetensors_close(&f);
    list_end(&l);
    return fits;
}
