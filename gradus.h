/* Gradus: automatic differentiation and training of small models in plain C, in which every loss is
 * a node of the graph. This header includes all others; each is the manual of its part.
 *
 * Where to start: graph.h (what a graph owns, errors), tensor.h (shapes and elements),
 * elementwise.h and its neighbours (operations), autodiff.h (gradients). To add an operation of
 * your own: op.h.
 */
#ifndef GRADUS_H
#define GRADUS_H

#include "core/data/csv.h"
#include "core/data/dataset.h"
#include "core/data/npy.h"

#include "core/graph/autodiff.h"
#include "core/graph/debug.h"
#include "core/graph/graph.h"
#include "core/graph/op.h"
#include "core/graph/random.h"
#include "core/graph/tensor.h"

#include "core/ops/conv.h"
#include "core/ops/dropout.h"
#include "core/ops/elementwise.h"
#include "core/ops/index.h"
#include "core/ops/linalg.h"
#include "core/ops/odds.h"
#include "core/ops/overlap.h"
#include "core/ops/pointwise.h"
#include "core/ops/pool.h"
#include "core/ops/reduce.h"
#include "core/ops/shape.h"
#include "core/ops/update.h"

#include "losses/boxes.h"
#include "losses/class_weights.h"
#include "losses/classification.h"
#include "losses/combination.h"
#include "losses/contrast.h"
#include "losses/ctc.h"
#include "losses/focal.h"
#include "losses/generative.h"
#include "losses/loss.h"
#include "losses/margin.h"
#include "losses/metrics_calibration.h"
#include "losses/metrics_classification.h"
#include "losses/metrics_detection.h"
#include "losses/metrics_overlap.h"
#include "losses/metrics_ranking.h"
#include "losses/metrics_regression.h"
#include "losses/metrics_retrieval.h"
#include "losses/metrics_sequence.h"
#include "losses/overlap.h"
#include "losses/perceptual.h"
#include "losses/regression.h"
#include "losses/schedule.h"
#include "losses/similarity.h"
#include "losses/triplet.h"

#include "nn/activation.h"
#include "nn/adaptive_softmax.h"
#include "nn/container.h"
#include "nn/conv.h"
#include "nn/dropout.h"
#include "nn/embedding.h"
#include "nn/init.h"
#include "nn/linear.h"
#include "nn/module.h"
#include "nn/sequential.h"
#include "nn/spectral_norm.h"

#include "optim/clip.h"
#include "optim/ema.h"
#include "optim/lr_schedule.h"
#include "optim/optimizer.h"

#endif
