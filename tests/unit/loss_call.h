/* Calls of the registry's losses as the tests make them: by names, as the command line does. */
#ifndef LOSS_CALL_H
#define LOSS_CALL_H

#include <cjson/cJSON.h>

#include "losses/loss.h"

enum { LOSS_LEAVES = 32 };

/* A call with its operands' tensors in the row's order, lists opened. */
typedef struct loss_call {
    gr_loss_call call;
    int n;
    gr_tensor *leaf[LOSS_LEAVES];  /* the real ones; each asks for a gradient */
    const char *name[LOSS_LEAVES]; /* of the operand that it belongs to */
    gr_tensor *items[LOSS_LEAVES]; /* of the lists */
} loss_call;

/* The call of a case: {"op": .., "in": [..], "params": {..}, "reduction": ..}. Fails the running
 * test if the row has no operand, parameter, choice or reduction of a name. */
void loss_call_of_case(gr_graph *g, const gr_loss_info *loss, const cJSON *c, loss_call *to);

/* "mean", "sum", "none" or "batchmean"; false for any other text. */
bool loss_reduction(const char *text, gr_reduction *reduction);
/* The place of a word in a text of words divided by spaces; -1 if it is not there. */
int loss_word(const char *words, const char *word);

/* LOSS=name in the environment: only this loss. */
bool loss_selected(const char *name);

#endif
