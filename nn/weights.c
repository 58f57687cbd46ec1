#include "nn/weights.h"

#include "core/data/safetensors_internal.h"
#include "nn/module_internal.h"

#include <string.h>

static int count(const gr_module *m) { return gr_parameters(m).n + gr_buffers(m).n; }

/* The parameters, and after them the buffers. */
static gr_tensor *tensor_at(const gr_module *m, int i) {
    gr_list parameters = gr_parameters(m), buffers = gr_buffers(m);
    return i < parameters.n ? parameters.items[i] : buffers.items[i - parameters.n];
}

/* -- Saving -- */

bool gr_weights_save(const gr_module *m, const char *path) {
    if (m == NULL || gr_failed(m->graph)) return false;
    gr_graph *g = m->graph;
    gr_arena scratch = {.budget = &g->budget, .first_chunk = 4096};
    size_t bytes = (size_t)count(m) * sizeof(gr_array);
    gr_array *arrays = gr_arena_alloc(&scratch, bytes, GR_ALIGN_STRUCT);
    if (arrays == NULL) gr_fail(g, "gr_weights_save: no memory to write %s", path);
    for (int i = 0; i < count(m) && arrays != NULL; i++)
        arrays[i] = gr_array_of(tensor_at(m, i), gr_name_below(m, tensor_at(m, i)));
    bool saved = arrays != NULL && gr_safetensors_save(g, "gr_weights_save", path, arrays, count(m),
                                                       GR_METADATA({"format", "pt"}));
    gr_arena_free(&scratch);
    return saved;
}

/* -- Loading -- */

static const char *kind_text(gr_kind kind) { return kind == GR_REAL ? "reals" : "integers"; }

static bool check_tensor(const gr_safetensors_file *f, const char *name, const gr_tensor *t) {
    if (name == NULL)
        return gr_safetensors_bad(f, "a parameter %s has no name", gr_shape_text(t->shape).text);
    const gr_array *a = gr_safetensors_array(f, name);
    if (a == NULL)
        return gr_safetensors_bad(f, "there is no %s %s", name, gr_shape_text(t->shape).text);
    if (!gr_shape_equal(a->shape, t->shape))
        return gr_safetensors_bad(f, "%s is %s, expected %s", name, gr_shape_text(a->shape).text,
                                  gr_shape_text(t->shape).text);
    if (gr_element_kind(a->element) != t->kind)
        return gr_safetensors_bad(f, "%s holds %s (%s), expected %s", name,
                                  kind_text(gr_element_kind(a->element)),
                                  gr_element_name(a->element), kind_text(t->kind));
    return gr_safetensors_fits(f, a);
}

static bool has(const gr_module *m, const char *name) {
    for (int i = 0; i < count(m); i++)
        if (strcmp(gr_name_below(m, tensor_at(m, i)), name) == 0) return true;
    return false;
}

static bool check_all(const gr_safetensors_file *f, const gr_module *m) {
    for (int i = 0; i < count(m); i++)
        if (!check_tensor(f, gr_name_below(m, tensor_at(m, i)), tensor_at(m, i))) return false;
    for (int i = 0; i < f->n && f->n > count(m); i++)
        if (!has(m, f->arrays[i].name))
            return gr_safetensors_bad(f, "it holds %.200s %s, which the %s has not",
                                      f->arrays[i].name, gr_array_text(&f->arrays[i]).text,
                                      m->type->name);
    return true;
}

bool gr_weights_load(gr_module *m, const char *path) {
    if (m == NULL || gr_failed(m->graph)) return false;
    gr_safetensors_file f;
    bool fits = gr_safetensors_open(&f, m->graph, "gr_weights_load", path) && check_all(&f, m);
    for (int i = 0; i < count(m) && fits; i++) {
        gr_tensor *t = tensor_at(m, i);
        gr_array_to_tensor(gr_safetensors_array(&f, gr_name_below(m, t)), t);
    }
    gr_safetensors_close(&f);
    return fits;
}
