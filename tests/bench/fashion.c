/* Trains a classifier on all of Fashion-MNIST: test accuracy, and how many pictures it trains on in
 * a second. fashion.py is the same in PyTorch; `make bench-fashion` runs both.
 *
 *     build/fashion [mlp|cnn] [epochs] [threads] [seed]
 *
 * mlp is 784-128-10 with ReLU; cnn has convolutions 3 x 3 with 16 and 32 channels, each followed by
 * ReLU and a pooling of 2 x 2, and one linear layer. Batches of 64, Adam with its defaults.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gradus.h"

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static gr_module *make_net(gr_graph *g, const char *name) {
    if (strcmp(name, "mlp") == 0)
        return gr_sequential(g, gr_flatten_layer(g), gr_linear(g, 784, 128), gr_relu_layer(g),
                             gr_linear(g, 128, 10));
    if (strcmp(name, "cnn") == 0)
        return gr_sequential(g, gr_conv2d_layer(g, 1, 16, 3, .padding = 1), gr_relu_layer(g),
                             gr_max_pool2d_layer(g, 2), gr_conv2d_layer(g, 16, 32, 3, .padding = 1),
                             gr_relu_layer(g), gr_max_pool2d_layer(g, 2), gr_flatten_layer(g),
                             gr_linear(g, 32 * 7 * 7, 10));
    return gr_fail(g, "%s: expected mlp or cnn", name);
}

int main(int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : "mlp";
    int epochs = argc > 2 ? atoi(argv[2]) : 10, threads = argc > 3 ? atoi(argv[3]) : 1;
    gr_graph *g =
        gr_graph_new(.seed = (uint64_t)(argc > 4 ? atoi(argv[4]) : 1), .threads = threads);
    gr_mnist *data = gr_fashion_mnist_read(g, NULL);
    gr_module *net = make_net(g, name);
    gr_optimizer *opt = gr_adam(net);
    if (gr_failed(g)) {
        fprintf(stderr, "fashion: %s\n", gr_error(g));
        return 1;
    }
    gr_batches *train = gr_batches_new(data->train_x, data->train_y, .batch = 64, .shuffle = true);
    gr_batches *test = gr_batches_new(data->test_x, data->test_y, .batch = 1000);
    gr_trainer *run = gr_trainer_new(net, opt, train, .epochs = epochs);
    gr_tensor *x, *y;
    double training = 0;
    while (gr_trainer_epoch(run)) {
        double begin = now();
        while (gr_trainer_batch(run, &x, &y))
            gr_trainer_step(run, gr_cross_entropy(gr_forward(net, x), y));
        training += now() - begin;
        while (gr_trainer_evaluate(run, test, &x, &y))
            gr_trainer_log(run, "accuracy", gr_accuracy(gr_forward(net, x), y));
        fprintf(stderr, "  epoch %d: loss %.4f, test accuracy %.4f\n", run->epoch + 1,
                gr_trainer_value(run, "loss"), gr_trainer_value(run, "accuracy"));
    }
    int status = gr_failed(g);
    if (status)
        fprintf(stderr, "fashion: %s\n", gr_error(g));
    else
        printf("%-8s %s  %d thread%s  %7.0f samples/s  test accuracy %.4f after %d epochs\n",
               "Gradus", name, threads, threads == 1 ? " " : "s", 60000.0 * epochs / training,
               gr_trainer_value(run, "accuracy"), epochs);
    gr_graph_free(g);
    return status;
}
