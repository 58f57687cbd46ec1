/* Pictures in which one small object is to be found: a garment of Fashion-MNIST, pasted into a crop
 * of a photograph, and things that are pasted in the same way but are none.
 *
 *     gr_tensor *photographs[2];
 *     if (!photographs_read(g, directory, (const char *[]){"brick", "camera"}, 2, photographs)) ...
 *     small_objects scenes = small_objects_compose(g, .photographs = photographs,
 *                                                  .n_photographs = 2, .count = 1000,
 *                                                  .garments = data->train_x, .end = 50000);
 *
 * A scene is SMALL_OBJECTS_SIDE pixels wide and high. Its background is a square of 64 to 160
 * pixels of a photograph, mirrored or turned over its diagonal or not. On it lies, in every other
 * scene, a distractor, an ellipse or a rectangle with the texture of a photograph, and then the
 * garment: turned by up to 45 degrees, mirrored or not, made so large that it has 2 to 10 % of the
 * scene's pixels, evenly. It may be cut by the scene's edge. Garment and distractor alike are
 * brighter than what they cover by 0.15 to 0.4 of the full range, plus 0.3 times their own texture.
 * Noise with deviation 0.03 goes over all.
 *
 * The mask holds the pixels of which the garment's outline, its holes filled, covers half or more.
 */
#ifndef EXAMPLES_SMALL_OBJECTS_H
#define EXAMPLES_SMALL_OBJECTS_H

#include "gradus.h"

enum { SMALL_OBJECTS_SIDE = 64 };

/* directory/NAME.jpg of each name, as (1,H,W) in [0,1], lasting. False and an error if one can't be
 * read, or has sides below SMALL_OBJECTS_SIDE. */
bool photographs_read(gr_graph *g, const char *directory, const char *const *names, int n,
                      gr_tensor **photographs);

typedef struct small_objects {
    gr_tensor *x; /* (N,1,H,W) in [0,1] */
    gr_tensor *y; /* (N,H,W): 1 on the object, 0 elsewhere */
} small_objects;

typedef struct small_objects_args {
    gr_graph *graph;
    gr_tensor *const *photographs; /* of any graph */
    int n_photographs, count;
    const gr_tensor *garments; /* (N,1,28,28), of any graph; rows begin to end - 1 are used */
    int begin, end;
} small_objects_args;
/* `count` scenes with random numbers of g; both tensors last. They are NULL, and there is an error,
 * if there is no photograph or no garment, or garments have another size or no bright pixel. */
#define small_objects_compose(...)                                                                 \
    small_objects_compose_((small_objects_args){.graph = __VA_ARGS__})
small_objects small_objects_compose_(small_objects_args args);

#endif
