/* Pictures of adversarial networks in training, from what the trainings of the first seed kept. */
#ifndef EXAMPLES_GAN_PLOTS_H
#define EXAMPLES_GAN_PLOTS_H

#include "examples/common/experiment.h"

/* What is kept by experiment_keep for them:
 *
 *   samples0, ... samples4   (GAN_POINTS,2), generated points after these shares of the steps
 *   pictures                 (GAN_PICTURES,784) from -1 to 1
 *   history                  (K,3): step, distance, minus the critic's loss
 */
enum { GAN_SNAPSHOTS = 5, GAN_POINTS = 1000, GAN_PICTURES = 32 };
extern const double gan_snapshot_shares[GAN_SNAPSHOTS];

/* OUT/NAME.png and .svg. False if there is no picture; a line on stderr has then said why. */

/* Samples in the plane: methods below each other, later ones to the right. `centres` (n,2) are
 * marked. */
bool gan_plot_points(const experiment *e, int condition, const char *name,
                     const gr_tensor *centres);
/* Two rows of pictures for each method, below two of `real` (GAN_PICTURES,784). Beside that is
 * written NAME-grid.png, the same without names. */
bool gan_plot_pictures(const experiment *e, int condition, const char *name, gr_tensor *real);
/* Distance and what the critic tells over the steps: a panel for each method, a row for each
 * condition with its title. `measure` is their rank correlation. */
bool gan_plot_critics(const experiment *e, const char *name, const char *const *titles,
                      int measure);

#endif
