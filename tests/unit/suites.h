/* The list of suites: test_NAME.c defines Suite *NAME_suite(void). */
#ifndef SUITES_H
#define SUITES_H

#include <check.h>

#define SUITES(X)                                                                                  \
    X(graph)                                                                                       \
    X(autodiff)                                                                                    \
    X(random)                                                                                      \
    X(ops)                                                                                         \
    X(gradcheck)                                                                                   \
    X(errors)                                                                                      \
    X(threads)                                                                                     \
    X(debug)                                                                                       \
    X(data)                                                                                        \
    X(batches)                                                                                     \
    X(balance)                                                                                     \
    X(augment)                                                                                     \
    X(nn)                                                                                          \
    X(optim)                                                                                       \
    X(training)                                                                                    \
    X(losses)                                                                                      \
    X(loss_gradcheck)                                                                              \
    X(loss_registry)                                                                               \
    X(loss_properties)                                                                             \
    X(fused)                                                                                       \
    X(large)                                                                                       \
    X(extremes)                                                                                    \
    X(lr_schedule)                                                                                 \
    X(clip)                                                                                        \
    X(ema)                                                                                         \
    X(trajectories)                                                                                \
    X(metrics)                                                                                     \
    X(npy)                                                                                         \
    X(similarity)                                                                                  \
    X(ctc)                                                                                         \
    X(generative)                                                                                  \
    X(layers)                                                                                      \
    X(trainer)                                                                                     \
    X(conv)                                                                                        \
    X(conv_pool)                                                                                   \
    X(safetensors)                                                                                 \
    X(weights)                                                                                     \
    X(checkpoint)                                                                                  \
    X(idx)                                                                                         \
    X(image)                                                                                       \
    X(norm)                                                                                        \
    X(recurrent)                                                                                   \
    X(activation)                                                                                  \
    X(dropout)                                                                                     \
    X(embedding)                                                                                   \
    X(container)

#define DECLARE_SUITE(name) Suite *name##_suite(void);
SUITES(DECLARE_SUITE)

#endif
