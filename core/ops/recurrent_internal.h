/* The recurrence over all steps of a sequence as one operation; nn/recurrent.h is for users. */
#ifndef GR_RECURRENT_OP_INTERNAL_H
#define GR_RECURRENT_OP_INTERNAL_H

#include "core/graph/op.h"

#pragma GCC visibility push(hidden)

/* Of G = 1, 1, 4 and 3 gates. */
typedef enum gr_cell { GR_CELL_TANH, GR_CELL_RELU, GR_CELL_LSTM, GR_CELL_GRU } gr_cell;
int gr_cell_gates(gr_cell cell);

/* Operands must fit, which nn/recurrent.c sees to: */
typedef struct gr_recurrence_args {
    gr_cell cell;
    gr_tensor *gates;   /* (L,N,G H): the input's part of the gates, for all steps; L >= 1 */
    gr_tensor *weight;  /* (G H,H): by which the state is multiplied */
    gr_tensor *h0, *c0; /* (N,H): the state before the first step; c0 of an LSTM alone */
    gr_tensor *bias;    /* (G H) or NULL: of the state's part in a GRU alone */
    gr_tensor *lengths; /* (N) integers, 0 to L; NULL: all L */
    bool reverse;       /* from step L-1 to step 0 */
} gr_recurrence_args;

/* The states after each step, h_t = cell(gates_t, h_(t-1) weight^T) with the formulas of
 * nn/recurrent.h: (L,N,H), and for an LSTM (L+1,N,H), whose last row is the cell state c after the
 * last step that was computed. A sample keeps its state in steps from its length on. */
gr_tensor *gr_recurrence(gr_recurrence_args args);

/* The same step by step from operations of the graph. */
gr_tensor *gr_recurrence_composed(gr_recurrence_args args);

/* (L,N,1): 1 where the step is before the sample's length, else 0. */
gr_tensor *gr_steps_within(gr_tensor *lengths, int steps);

#pragma GCC visibility pop

#endif
