/* Pictures by gnuplot.
 *
 *     plot *p = plot_begin("out", "errors", 900, 500);
 *     FILE *data = plot_data(p, "errors.dat");          // in the same directory
 *     ...
 *     plot_data_end(p, data);
 *     fprintf(plot_script(p), "plot 'errors.dat' using 1:2 with lines ls 1 title 'Huber'\n");
 *     plot_end(p);                                      // out/errors.png, out/errors.svg
 *
 * Script and data stay in the directory, so that a picture can be drawn again or changed:
 * cd out && gnuplot errors.gp. Line styles (ls) 1 to 7 have colours that people who are blind to
 * some colours can tell apart (Okabe and Ito, "Color universal design", 2008); 8 is grey.
 */
#ifndef EXAMPLES_PLOT_H
#define EXAMPLES_PLOT_H

#include <stdbool.h>
#include <stdio.h>

typedef struct plot plot;

/* Width and height in pixels; the PNG has twice as many. NULL after a line on stderr. The functions
 * below do nothing for NULL. */
plot *plot_begin(const char *directory, const char *name, int width, int height);
/* Where gnuplot's commands are written; NULL for NULL. */
FILE *plot_script(plot *p);
FILE *plot_data(plot *p, const char *name);
void plot_data_end(plot *p, FILE *data);
/* Runs gnuplot and frees the plot. False if there is no picture: then a line on stderr has said why
 * and what to do. */
bool plot_end(plot *p);

/* The colour of a line style, "#0072B2". */
const char *plot_colour(int style);
/* 1, 2 or 5 times a power of ten, so that a range has about as many tics as wanted; 1 for no range.
 */
double plot_step(double range, int wanted);

#endif
