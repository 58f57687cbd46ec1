/* Recurrent layers: they go through a sequence step by step and carry a state.
 *
 * Formulas, names, layouts and initial values are those of PyTorch's nn.RNN, nn.LSTM and nn.GRU.
 * With x_t the input of a step, h the state before it and h' the one after, s the sigmoid and * the
 * product element by element:
 *
 *     gr_rnn    h' = tanh(W_ih x_t + b_ih + W_hh h + b_hh), or the same with relu
 *
 *     gr_lstm   i = s(W_ii x_t + b_ii + W_hi h + b_hi), f and o alike
 *               g = tanh(W_ig x_t + b_ig + W_hg h + b_hg)
 *               c' = f * c + i * g
 *               h' = o * tanh(c')
 *
 *     gr_gru    r = s(W_ir x_t + b_ir + W_hr h + b_hr), z alike
 *               n = tanh(W_in x_t + b_in + r * (W_hn h + b_hn))
 *               h' = (1 - z) * n + z * h
 *
 * A classifier of sequences x (L,N,8), of which each has its length, by the state after the last
 * step:
 *
 *     gr_module *lstm = gr_lstm(g, 8, 64), *head = gr_linear(g, 64, 10);
 *     gr_optimizer *opt = gr_adam(gr_sequential(g, lstm, head), .lr = 1e-3);
 *     ...
 *     gr_tensor *h_n;
 *     gr_recurrent(lstm, x, .lengths = lengths, .h_n = &h_n); // h_n (1,N,64)
 *     gr_tensor *logits = gr_forward(head, gr_select(h_n, 0, 0));
 *     gr_tensor *loss = gr_cross_entropy(logits, classes);
 *
 * A transcriber, whose labels have no times (losses/ctc.h); both directions give 2 * 64 numbers:
 *
 *     gr_module *net = gr_sequential(g, gr_gru(g, 40, 64, .layers = 2, .bidirectional = true),
 *                                    gr_linear(g, 128, symbols));
 *     gr_tensor *log_probs = gr_log_softmax(gr_forward(net, x), .axes = GR_AXES(2));
 *     gr_tensor *loss = gr_ctc(log_probs, labels, lengths, label_lengths);
 *
 * If sequences of one batch differ much in length, ask the module itself, so that the reverse
 * direction begins where a sequence ends: gr_recurrent(gru, x, .lengths = lengths).
 *
 * Sources: Elman, "Finding structure in time", Cognitive Science 14, 1990. Hochreiter and
 * Schmidhuber, "Long short-term memory", Neural Computation 9, 1997, with the forget gate of Gers,
 * Schmidhuber and Cummins, Neural Computation 12, 2000. Cho et al., "Learning phrase
 * representations using RNN encoder-decoder", EMNLP 2014, with the reset gate behind the product,
 * as in PyTorch and cuDNN. Schuster and Paliwal, "Bidirectional recurrent neural networks", IEEE
 * Transactions on Signal Processing 45, 1997.
 */
#ifndef GR_NN_RECURRENT_H
#define GR_NN_RECURRENT_H

#include "nn/module.h"

typedef struct gr_recurrent_layer_args {
    gr_graph *graph;
    int in, hidden;
    int layers;
    bool bidirectional, bias, batch_first;
    double dropout;
    bool relu;
} gr_recurrent_layer_args;
/* gr_lstm(g, in, hidden, .layers = 1, .bidirectional = false, .bias = true, .batch_first = false,
 * .dropout = 0), and alike gr_gru and gr_rnn, which has .relu = false, too.
 *
 * Several layers stand on each other: each takes the output of the one below. A bidirectional layer
 * has a second set of weights that goes from the last step to the first; D = 2, and the output is
 * that of both directions side by side. dropout is the probability with which, in training
 * (gr_set_training), a number of a layer's output becomes 0 on its way to the next layer; the
 * others grow by 1 / (1 - dropout).
 *
 * Parameters of layer k, with G = 1, 4 (i,f,g,o) or 3 (r,z,n) blocks of `hidden` rows: weight_ih_lk
 * (G hidden, in), weight_hh_lk (G hidden, hidden), bias_ih_lk and bias_hh_lk (G hidden), then those
 * of the reverse direction with "_reverse" behind the name; from layer 1 on, `in` is D hidden. All
 * are drawn uniformly from +-1/sqrt(hidden).
 *
 * gr_forward takes x (L,N,in), L steps of N samples, or (N,L,in) with batch_first, or one sample
 * (L,in); it begins with states of 0 and gives (L,N,D hidden), (N,L,D hidden) or (L,D hidden). L is
 * at least 1.
 *
 * An error: sizes and layers below 1, a dropout outside [0, 1], relu of a gr_lstm or gr_gru. */
#define gr_rnn(...)                                                                                \
    gr_rnn_((gr_recurrent_layer_args){.layers = 1, .bias = true, .graph = __VA_ARGS__})
#define gr_lstm(...)                                                                               \
    gr_lstm_((gr_recurrent_layer_args){.layers = 1, .bias = true, .graph = __VA_ARGS__})
#define gr_gru(...)                                                                                \
    gr_gru_((gr_recurrent_layer_args){.layers = 1, .bias = true, .graph = __VA_ARGS__})
gr_module *gr_rnn_(gr_recurrent_layer_args args);
gr_module *gr_lstm_(gr_recurrent_layer_args args);
gr_module *gr_gru_(gr_recurrent_layer_args args);

typedef struct gr_recurrent_args {
    gr_module *module;
    gr_tensor *x, *h0, *c0, *lengths;
    gr_tensor **h_n, **c_n;
} gr_recurrent_args;
/* gr_recurrent(m, x, .h0 = h0, .c0 = c0, .lengths = lengths, .h_n = &h_n, .c_n = &c_n): gr_forward
 * of a gr_rnn, gr_lstm or gr_gru with the states before the first step and after the last one.
 *
 * All options may be left out. h0 and c0 are zeros unless given; they and what h_n and c_n receive
 * (NULL if it fails) have the shape (layers D,N,hidden), or (layers D,hidden) for one sample, in
 * the order layer 0, layer 0 reverse, layer 1, ... Gradients flow through all of them. To carry a
 * state from one piece of a long sequence to the next, give h_n as the next h0, with gr_keep if the
 * graph is reset in between. c0 and c_n are of a gr_lstm alone.
 *
 * lengths (N), integers from 0 to L, say how many steps each sample has. Beyond them the output is
 * 0 and x is not used (but must be finite); the reverse direction begins at a sample's own last
 * step, and h_n and c_n are the states after it: what PyTorch computes of a packed sequence. Their
 * order is free.
 *
 * An error: another module, tensors of other shapes or kinds than these, c0 or c_n of a module
 * without cell state, a length outside of its range. */
#define gr_recurrent(...) gr_recurrent_((gr_recurrent_args){.module = __VA_ARGS__})
gr_tensor *gr_recurrent_(gr_recurrent_args args);

#endif
