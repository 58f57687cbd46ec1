#include "examples/common/plot.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "examples/common/files.h"

struct plot {
    char *directory, *script_name, *name;
    FILE *script;
    bool failed;
};

static const char *const colours[] = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                      "#E69F00", "#56B4E9", "#000000", "#8C8C8C"};
enum { COLOURS = sizeof colours / sizeof *colours };

const char *plot_colour(int style) { return colours[(style + COLOURS - 1) % COLOURS]; }

double plot_step(double range, int wanted) {
    if (!(range > 0) || isinf(range)) return 1;
    double least = range / wanted, power = pow(10, floor(log10(least)));
    return least <= power       ? power
           : least <= 2 * power ? 2 * power
           : least <= 5 * power ? 5 * power
                                : 10 * power;
}

/* Commands are repeated for both kinds of file: what follows stands in a loop over them. */
static void write_preamble(FILE *script, const char *name, int width, int height) {
    fprintf(script,
            "do for [kind in 'png svg'] {\n"
            "reset\n"
            "if (kind eq 'png') {\n"
            "  set terminal pngcairo size %d,%d noenhanced font 'DejaVu Sans,9' fontscale 2 "
            "linewidth 2 pointscale 2 background '#FFFFFF'\n"
            "} else {\n"
            "  set terminal svg size %d,%d noenhanced font 'DejaVu Sans,9' background '#FFFFFF'\n"
            "}\n"
            "set output '%s.'.kind\n",
            2 * width, 2 * height, width, height, name);
    for (int i = 1; i <= COLOURS; i++)
        fprintf(script,
                "set style line %d linecolor rgb '%s' linewidth 1.5 pointtype 7 pointsize 0.5\n", i,
                plot_colour(i));
    fprintf(script, "set border 3 linecolor rgb '#555555' linewidth 0.7\n"
                    "set tics nomirror out scale 0.5 textcolor rgb '#333333'\n"
                    "set grid linecolor rgb '#E4E4E4' linetype 1 linewidth 0.6\n"
                    "set key noopaque samplen 1.5 spacing 1.1\n"
                    "set datafile missing 'NaN'\n"
                    "set encoding utf8\n");
}

static char *copy_text(const char *a, const char *b) {
    char *text = malloc(strlen(a) + strlen(b) + 1);
    if (text != NULL) strcat(strcpy(text, a), b);
    return text;
}

static void plot_free(plot *p) {
    free(p->directory);
    free(p->script_name);
    free(p->name);
    free(p);
}

plot *plot_begin(const char *directory, const char *name, int width, int height) {
    plot *p = calloc(1, sizeof *p);
    if (p != NULL) {
        p->directory = copy_text(directory, "");
        p->name = copy_text(name, "");
        p->script_name = copy_text(name, ".gp");
    }
    if (p == NULL || p->directory == NULL || p->name == NULL || p->script_name == NULL) {
        fprintf(stderr, "no memory for the picture %s\n", name);
        if (p != NULL) plot_free(p);
        return NULL;
    }
    p->script = files_create(directory, p->script_name);
    if (p->script == NULL) {
        plot_free(p);
        return NULL;
    }
    write_preamble(p->script, name, width, height);
    return p;
}

FILE *plot_script(plot *p) { return p == NULL ? NULL : p->script; }

FILE *plot_data(plot *p, const char *name) {
    FILE *data = p == NULL ? NULL : files_create(p->directory, name);
    if (p != NULL && data == NULL) p->failed = true;
    return data;
}

void plot_data_end(plot *p, FILE *data) {
    if (data != NULL && !files_close(data, "the picture's data")) p->failed = true;
}

/* Runs gnuplot in the directory; its exit status, 127 if it could not be started, -1 otherwise. */
static int run_gnuplot(const char *directory, const char *script) {
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        if (chdir(directory) != 0) _exit(126);
        setenv("LC_ALL", "C.UTF-8", 1); /* without it gnuplot mistrusts its own characters */
        execlp("gnuplot", "gnuplot", script, (char *)NULL);
        _exit(127);
    }
    int status = -1;
    while (child > 0 && waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return -1;
    return child > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool plot_end(plot *p) {
    if (p == NULL) return false;
    fprintf(p->script, "\nunset output\n}\n");
    bool drawn = files_close(p->script, p->script_name) && !p->failed;
    int status = drawn ? run_gnuplot(p->directory, p->script_name) : 0;
    if (status == 127)
        fprintf(stderr,
                "gnuplot is missing, so there is no picture %s.png. Get it with apt-get install "
                "gnuplot-nox, then: cd '%s' && gnuplot %s\n",
                p->name, p->directory, p->script_name);
    else if (status != 0)
        fprintf(stderr, "gnuplot could not draw %s/%s\n", p->directory, p->script_name);
    plot_free(p);
    return drawn && status == 0;
}
