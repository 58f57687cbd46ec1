/* gradus eval: one loss, its gradient, and the gradient of that. */
#include <limits.h>
#include <string.h>

#include "examples/cli/array.h"
#include "examples/cli/commands.h"
#include "examples/cli/json.h"
#include "examples/cli/names.h"
#include "examples/cli/parameters.h"

const char help_eval[] =
    "Usage: gradus eval NAME [--PARAMETER VALUE]... OPERAND=ARRAY... [--reduction R] [--grad] "
    "[--grad2]\n"
    "\n"
    "Computes a loss, a weight function or a miner and prints one JSON object,\n"
    "{\"loss\": ..., \"grad\": {\"pred\": [...], ...}, \"grad2\": {...}}.\n"
    "\n"
    "  --PARAMETER VALUE  a parameter of the loss (gradus losses NAME shows them); a boolean may\n"
    "                     stand without value for true\n"
    "  OPERAND=ARRAY      a JSON array or number, @FILE.npy, @FILE.csv or @FILE.json; NaN, "
    "Infinity and\n"
    "                     -Infinity are numbers. A CSV file of one column is a vector, one of "
    "several a\n"
    "                     matrix. For a list of arrays: OPERAND=[ARRAY, ARRAY, ...]\n"
    "  --reduction R      mean, sum or none, as far as the loss has them\n"
    "  --grad             the gradient of the loss (of its sum if it is an array) with respect to "
    "every\n"
    "                     real operand\n"
    "  --grad2            the gradient of the sum of all elements of all those gradients\n"
    "\n"
    "  gradus eval huber --delta 2 pred='[0.5,3]' target='[0,0]' --reduction none --grad\n";

typedef struct request {
    const gr_loss_info *loss;
    const char *text[GR_LOSS_OPERANDS]; /* of the operands; NULL: not given */
    bool given[GR_LOSS_PARAMETERS];
    gr_loss_call call;
    bool reduction, grad, grad2;
} request;

/* -- The command line -- */

static int count_operands(const gr_loss_info *loss) {
    int n = 0;
    while (n < GR_LOSS_OPERANDS && loss->operands[n].name != NULL) n++;
    return n;
}

static names operand_names(const gr_loss_info *loss) {
    names known = {.n = 0};
    for (int i = 0; i < count_operands(loss); i++) names_add(&known, loss->operands[i].name);
    return known;
}

static names parameter_names(const gr_loss_info *loss) {
    names known = {.n = 0};
    for (int i = 0; i < GR_LOSS_PARAMETERS && loss->parameters[i].name != NULL; i++)
        names_add(&known, loss->parameters[i].name);
    return known;
}

static void take_operand(request *r, const char *word) {
    const char *name = r->loss->name, *equals = strchr(word, '=');
    if (equals == NULL) misuse("%s: %s: expected OPERAND=ARRAY or --PARAMETER VALUE", name, word);
    names known = operand_names(r->loss);
    int i = names_find(&known, word, (size_t)(equals - word));
    if (i < 0) {
        char operand[64];
        snprintf(operand, sizeof operand, "%.*s", (int)(equals - word), word);
        misuse_unknown(name, "operand", operand, &known, "");
    }
    if (r->text[i] != NULL)
        misuse("%s: %s is given twice, expected one value", name, known.item[i]);
    r->text[i] = equals + 1;
}

/* The value of the option in words[0]: behind its =, or the next word. `used` counts the words. */
static const char *option_value(const request *r, int n, char **words, int *used) {
    const char *equals = strchr(words[0], '=');
    if (equals != NULL) return equals + 1;
    if (n < 2) misuse("%s: %s: expected a value behind it", r->loss->name, words[0]);
    ++*used;
    return words[1];
}

static void take_parameter(request *r, int i, int n, char **words, int *used) {
    const gr_parameter_info *p = &r->loss->parameters[i];
    if (r->given[i]) misuse("%s: --%s is given twice, expected one value", r->loss->name, p->name);
    r->given[i] = true;
    bool alone = p->kind == GR_BOOLEAN && strchr(words[0], '=') == NULL &&
                 (n < 2 || !parameter_is_boolean(words[1]));
    r->call.parameter[i] = alone ? 1 : parameter_read(r->loss, p, option_value(r, n, words, used));
}

/* Takes an option and returns how many words it used. */
static int take_option(request *r, int n, char **words) {
    const char *option = words[0] + 2;
    size_t length = strcspn(option, "=");
    int used = 1;
    names known = parameter_names(r->loss);
    int i = names_find(&known, option, length);
    if (i >= 0) {
        take_parameter(r, i, n, words, &used);
    } else if (names_equal("reduction", option, length)) {
        if (r->reduction)
            misuse("%s: --reduction is given twice, expected one value", r->loss->name);
        r->reduction = true;
        r->call.reduction = reduction_read(r->loss, option_value(r, n, words, &used));
    } else if (strcmp(option, "grad") == 0) {
        r->grad = true;
    } else if (strcmp(option, "grad2") == 0) {
        r->grad2 = true;
    } else {
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)length, option);
        if (r->loss->reductions[0] != '\0') names_add(&known, "reduction");
        names_add(&known, "grad");
        names_add(&known, "grad2");
        misuse_unknown(r->loss->name, "parameter", name, &known, "--");
    }
    return used;
}

static void check_complete(const request *r) {
    for (int i = 0; i < count_operands(r->loss); i++) {
        const gr_operand_info *o = &r->loss->operands[i];
        bool any = strcmp(o->shape, "any") == 0;
        if (r->text[i] == NULL && !o->optional)
            misuse("%s: operand %s is missing, expected %s=ARRAY of %s%s", r->loss->name, o->name,
                   o->name, any ? "any shape" : "shape ", any ? "" : o->shape);
    }
}

static request read_request(gr_graph *g, const gr_loss_info *loss, int n, char **words) {
    request r = {.loss = loss, .call = gr_loss_defaults(g, loss)};
    for (int i = 0; i < n;) {
        if (strncmp(words[i], "--", 2) == 0)
            i += take_option(&r, n - i, words + i);
        else
            take_operand(&r, words[i++]);
    }
    check_complete(&r);
    return r;
}

/* -- Operands -- */

static gr_tensor *real_tensor(gr_graph *g, const char *name, const array *a) {
    gr_tensor *t = gr_zeros(g, a->shape);
    for (int64_t i = 0; t != NULL && i < a->size; i++) t->data[i] = (gr_real)a->data[i];
    return gr_requires_grad(gr_name(t, name));
}

static gr_tensor *index_tensor(gr_graph *g, const char *name, const array *a) {
    int32_t *index = gr_alloc_lasting(g, (size_t)a->size * sizeof *index);
    for (int64_t i = 0; index != NULL && i < a->size; i++) {
        double value = a->data[i];
        if (!(value >= INT32_MIN && value <= INT32_MAX) || value != (double)(int32_t)value)
            misuse("%s: element %lld is %.9g, expected a whole number of 32 bits", name,
                   (long long)i, value);
        index[i] = (int32_t)value;
    }
    return index == NULL ? NULL : gr_name(gr_from_index(g, a->shape, index), name);
}

/* Class indices have one dimension less than the first operand, which has one of classes. */
static bool is_index(const request *r, int i, const array *a) {
    const gr_operand_kind kind = r->loss->operands[i].kind;
    if (kind != GR_OPERAND_REAL_OR_INDEX) return kind == GR_OPERAND_INDEX;
    const gr_tensor *first = r->call.operand[0];
    return i > 0 && first != NULL && a->shape.ndim + 1 == first->shape.ndim && array_is_whole(a);
}

static bool make_list(gr_graph *g, request *r, int i) {
    array *arrays;
    const char *name = r->loss->operands[i].name;
    int n = array_read_list(g, name, r->text[i], &arrays);
    gr_tensor **items = n < 0 ? NULL : gr_alloc_lasting(g, (size_t)n * sizeof(gr_tensor *));
    for (int k = 0; items != NULL && k < n; k++)
        if ((items[k] = real_tensor(g, name, &arrays[k])) == NULL) return false;
    r->call.list[i] = (gr_list){n, items};
    return items != NULL;
}

static bool make_operands(gr_graph *g, request *r) {
    for (int i = 0; i < count_operands(r->loss); i++) {
        const gr_operand_info *o = &r->loss->operands[i];
        array a;
        if (r->text[i] == NULL) continue;
        if (o->kind == GR_OPERAND_LIST) {
            if (!make_list(g, r, i)) return false;
            continue;
        }
        if (!array_read(g, o->name, r->text[i], &a)) return false;
        r->call.operand[i] =
            is_index(r, i, &a) ? index_tensor(g, o->name, &a) : real_tensor(g, o->name, &a);
        if (r->call.operand[i] == NULL) return false;
    }
    return true;
}

/* -- Gradients -- */

/* The real operands, those of lists one by one; room for them and their gradients is the graph's.
 */
static gr_list real_operands(gr_graph *g, const request *r) {
    int n = 0, most = GR_LOSS_OPERANDS;
    for (int i = 0; i < GR_LOSS_OPERANDS; i++) most += r->call.list[i].n;
    gr_tensor **x = gr_alloc_lasting(g, (size_t)most * sizeof *x);
    for (int i = 0; x != NULL && i < GR_LOSS_OPERANDS; i++) {
        gr_tensor *t = r->call.operand[i];
        if (t != NULL && t->kind == GR_REAL) x[n++] = t;
        for (int k = 0; k < r->call.list[i].n; k++) x[n++] = r->call.list[i].items[k];
    }
    return (gr_list){n, x};
}

typedef struct result {
    gr_tensor *loss;
    gr_list x;
    gr_tensor **grad, **grad2; /* NULL: not asked for */
} result;

static bool differentiate(gr_graph *g, const request *r, result *out) {
    if (!r->grad && !r->grad2) return true;
    if (out->loss->kind == GR_INDEX)
        misuse("%s gives integers, which have no gradient: expected no --grad and no --grad2",
               r->loss->name);
    out->x = real_operands(g, r);
    size_t bytes = ((size_t)out->x.n + 1) * sizeof(gr_tensor *);
    out->grad = gr_alloc_lasting(g, bytes);
    if (out->x.items == NULL || out->grad == NULL ||
        !gr_grads(GR_LIST(out->loss), out->x, out->grad, .create_graph = r->grad2))
        return false;
    if (!r->grad2) return true;
    out->grad2 = gr_alloc_lasting(g, bytes);
    return out->grad2 != NULL && gr_grads(((gr_list){out->x.n, out->grad}), out->x, out->grad2);
}

static bool compute(gr_graph *g, request *r, result *out) {
    if (!make_operands(g, r)) return false;
    out->loss = gr_loss_apply(r->loss, &r->call);
    return out->loss != NULL && differentiate(g, r, out) && !gr_failed(g);
}

/* -- Output -- */

/* ', "grad": {"pred": [...], ...}'; the gradients stand in the order of real_operands. */
static void write_gradients(const request *r, const char *key, gr_tensor **grads) {
    const char *comma = "";
    printf(", \"%s\": {", key);
    for (int i = 0; i < count_operands(r->loss); i++) {
        const gr_tensor *t = r->call.operand[i];
        const gr_list *list = &r->call.list[i];
        if (list->items == NULL && (t == NULL || t->kind != GR_REAL)) continue;
        printf("%s\"%s\": ", comma, r->loss->operands[i].name);
        comma = ", ";
        if (list->items == NULL) {
            json_tensor(stdout, *grads++);
            continue;
        }
        for (int k = 0; k < list->n; k++) {
            fputs(k == 0 ? "[" : ", ", stdout);
            json_tensor(stdout, *grads++);
        }
        fputs(list->n == 0 ? "[]" : "]", stdout);
    }
    printf("}");
}

static int write_result(const request *r, const result *out) {
    printf("{\"loss\": ");
    json_tensor(stdout, out->loss);
    if (r->grad) write_gradients(r, "grad", out->grad);
    if (r->grad2) write_gradients(r, "grad2", out->grad2);
    printf("}\n");
    return finish_output();
}

static bool asks_help(int n, char **words) {
    for (int i = 0; i < n; i++)
        if (strcmp(words[i], "--help") == 0) return true;
    return false;
}

int command_eval(int n, char **words) {
    if (n == 0 || words[0][0] == '-')
        misuse("eval: expected the name of a loss (gradus eval --help)");
    const gr_loss_info *loss = get_loss(words[0]);
    if (asks_help(n - 1, words + 1)) {
        write_page(stdout, loss);
        return finish_output();
    }
    static gr_graph *g; /* reachable when a misuse ends the program */
    g = gr_graph_new(.seed = 1);
    request r = read_request(g, loss, n - 1, words + 1);
    result out = {.loss = NULL};
    int status = compute(g, &r, &out) ? write_result(&r, &out) : report_error(g);
    gr_graph_free(g);
    return status;
}
