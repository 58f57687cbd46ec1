#include "tests/unit/loss_call.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/oracle.h"

int loss_word(const char *words, const char *word) {
    size_t length = strlen(word);
    for (int i = 0; words != NULL && *words != '\0'; i++) {
        size_t n = strcspn(words, " ");
        if (n == length && strncmp(words, word, n) == 0) return i;
        words += n + strspn(words + n, " ");
    }
    return -1;
}

bool loss_reduction(const char *text, gr_reduction *reduction) {
    static const char *const names[] = {
        [GR_MEAN] = "mean", [GR_SUM] = "sum", [GR_NONE] = "none", [GR_BATCHMEAN] = "batchmean"};
    for (int i = 0; i < (int)(sizeof names / sizeof *names); i++)
        if (strcmp(names[i], text) == 0) {
            *reduction = (gr_reduction)i;
            return true;
        }
    return false;
}

static gr_tensor *add_leaf(gr_graph *g, loss_call *to, const char *name, const cJSON *t) {
    gr_tensor *x = oracle_tensor(g, t);
    if (x->kind != GR_REAL) return x;
    ck_assert_int_lt(to->n, LOSS_LEAVES);
    to->name[to->n] = name;
    return to->leaf[to->n++] = gr_requires_grad(x);
}

static void add_operands(gr_graph *g, const gr_loss_info *loss, const cJSON *c, loss_call *to) {
    int items = 0;
    const cJSON *t, *item;
    cJSON_ArrayForEach(t, cJSON_GetObjectItem(c, "in")) {
        const char *name = cJSON_GetObjectItem(t, "name")->valuestring;
        const cJSON *list = cJSON_GetObjectItem(t, "list");
        int i = gr_loss_operand(loss, name);
        ck_assert_msg(i >= 0, "%s: the row has no operand %s", oracle_name(c).text, name);
        if (list == NULL) {
            to->call.operand[i] = add_leaf(g, to, loss->operands[i].name, t);
            continue;
        }
        to->call.list[i] = (gr_list){0, to->items + items};
        cJSON_ArrayForEach(item, list) {
            ck_assert_int_lt(items, LOSS_LEAVES);
            to->items[items++] = add_leaf(g, to, loss->operands[i].name, item);
            to->call.list[i].n++;
        }
    }
}

static void set_parameters(const gr_loss_info *loss, const cJSON *c, loss_call *to) {
    const cJSON *p;
    cJSON_ArrayForEach(p, cJSON_GetObjectItem(c, "params")) {
        int i = gr_loss_parameter(loss, p->string);
        ck_assert_msg(i >= 0, "%s: the row has no parameter %s", oracle_name(c).text, p->string);
        if (loss->parameters[i].kind == GR_CHOICE) {
            int choice = loss_word(loss->parameters[i].choices, p->valuestring);
            ck_assert_msg(choice >= 0, "%s: %s can't be %s, the row says", oracle_name(c).text,
                          p->string, p->valuestring);
            to->call.parameter[i] = choice;
        } else {
            to->call.parameter[i] = oracle_number(p);
        }
    }
}

void loss_call_of_case(gr_graph *g, const gr_loss_info *loss, const cJSON *c, loss_call *to) {
    *to = (loss_call){.call = gr_loss_defaults(g, loss)};
    add_operands(g, loss, c, to);
    set_parameters(loss, c, to);
    const cJSON *reduction = cJSON_GetObjectItem(c, "reduction");
    if (reduction == NULL || *loss->reductions == '\0') return;
    ck_assert_msg(loss_reduction(reduction->valuestring, &to->call.reduction) &&
                      loss_word(loss->reductions, reduction->valuestring) >= 0,
                  "%s: the row has no reduction %s", oracle_name(c).text, reduction->valuestring);
}

bool loss_selected(const char *name) {
    const char *only = getenv("LOSS");
    return only == NULL || strcmp(only, name) == 0;
}
