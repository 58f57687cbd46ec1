/* gradus plot: losses and parameters to a picture. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "examples/cli/commands.h"
#include "examples/cli/curves.h"
#include "examples/cli/names.h"
#include "examples/cli/parameters.h"
#include "examples/common/files.h"

const char help_plot[] =
    "Usage: gradus plot NAME... [--PARAMETER V1,V2,...]... [OPERAND=NUMBER]... [--from X] [--to "
    "X]\n"
    "                   [--out DIRECTORY | --out FILE.png]\n"
    "\n"
    "Draws value and gradient of elementwise losses over their first operand, the prediction.\n"
    "\n"
    "  --PARAMETER V1,V2  a curve for each value, of every loss that has the parameter\n"
    "  OPERAND=NUMBER     the value of another operand; by default 0 where any value will do, else "
    "1\n"
    "  --from X, --to X   the range of the prediction; by default what suits the losses\n"
    "  --out PLACE        where the picture is written, as PNG and SVG, with data and script for "
    "gnuplot\n"
    "                     beside it; by default the losses' names in this directory\n"
    "\n"
    "  gradus plot huber --delta 0.5,1,2\n"
    "  gradus plot hinge squared_hinge soft_margin target=1\n";

enum { MOST_SETTINGS = 16 };

/* One --PARAMETER or OPERAND= of the command line. */
typedef struct setting {
    const char *text; /* "delta", behind its dashes or before its = */
    size_t length;
    const char *values;
    bool used;
} setting;

typedef struct request {
    const gr_loss_info *loss[MOST_CURVES];
    setting parameter[MOST_SETTINGS], operand[MOST_SETTINGS];
    int losses, parameters, operands;
    double from, to; /* NaN: by default */
    const char *out;
} request;

/* -- The command line -- */

static void add_loss(request *r, const char *word) {
    const gr_loss_info *loss = get_loss(word);
    if (!curve_exists(loss)) {
        char where[128];
        names drawn = {.n = 0};
        for (int i = 0; i < gr_loss_count(); i++)
            if (curve_exists(gr_loss_at(i))) names_add(&drawn, gr_loss_at(i)->name);
        snprintf(where, sizeof where, "plot: %s is not elementwise", loss->name);
        misuse_unknown(where, "curve of", loss->name, &drawn, "");
    }
    if (r->losses == MOST_CURVES) misuse("plot: expected at most %d losses", MOST_CURVES);
    r->loss[r->losses++] = loss;
}

static void add_setting(setting *settings, int *n, const char *text, size_t length,
                        const char *values) {
    for (int i = 0; i < *n; i++)
        if (settings[i].length == length && strncmp(settings[i].text, text, length) == 0)
            misuse("plot: %.*s is given twice, expected it once", (int)length, text);
    if (*n == MOST_SETTINGS)
        misuse("plot: expected at most %d parameters or operands", MOST_SETTINGS);
    settings[(*n)++] = (setting){.text = text, .length = length, .values = values};
}

static double read_number(const char *what, const char *text) {
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(value))
        misuse("plot: %s %s: expected a number", what, text);
    return value;
}

/* Takes an option and returns how many words it used. */
static int add_option(request *r, int n, char **words) {
    const char *option = words[0] + 2, *value = strchr(option, '=');
    size_t length = strcspn(option, "=");
    int used = 1;
    if (value != NULL) {
        value++;
    } else {
        if (n < 2) misuse("plot: %s: expected a value behind it", words[0]);
        value = words[1];
        used = 2;
    }
    if (names_equal("from", option, length))
        r->from = read_number("--from", value);
    else if (names_equal("to", option, length))
        r->to = read_number("--to", value);
    else if (names_equal("out", option, length))
        r->out = value;
    else
        add_setting(r->parameter, &r->parameters, option, length, value);
    return used;
}

static request read_request(int n, char **words) {
    request r = {.from = NAN, .to = NAN};
    for (int i = 0; i < n;) {
        const char *equals = strchr(words[i], '=');
        if (strncmp(words[i], "--", 2) == 0) {
            i += add_option(&r, n - i, words + i);
            continue;
        }
        if (equals != NULL)
            add_setting(r.operand, &r.operands, words[i], (size_t)(equals - words[i]), equals + 1);
        else
            add_loss(&r, words[i]);
        i++;
    }
    if (r.losses == 0) misuse("plot: expected the name of a loss (gradus plot --help)");
    return r;
}

/* -- Curves -- */

/* Sets one parameter of the curves of a loss: each of them becomes one for each value. `curves` has
 * room for MOST_CURVES; returns how many there are now. */
static int multiply_curves(curve *curves, int n, int parameter, const char *values) {
    const gr_loss_info *loss = curves[0].loss;
    const gr_parameter_info *p = &loss->parameters[parameter];
    char text[256];
    names list = {.n = 0};
    if (strlen(values) >= sizeof text) misuse("plot: --%s: too many values", p->name);
    snprintf(text, sizeof text, "%s", values);
    for (char *word = strtok(text, ","); word != NULL; word = strtok(NULL, ","))
        names_add(&list, word);
    if (list.n == 0) misuse("plot: --%s: expected values, separated by commas", p->name);
    if (n * list.n > MOST_CURVES) misuse("plot: expected at most %d curves", MOST_CURVES);
    for (int k = n * list.n - 1; k >= 0;
         k--) { /* from the end, so that none is overwritten too soon */
        if (k / list.n != k) curves[k] = curves[k / list.n];
        const char *word = list.item[k % list.n];
        curves[k].parameter[parameter] = parameter_read(loss, p, word);
        size_t used = strlen(curves[k].label);
        snprintf(curves[k].label + used, sizeof curves[k].label - used, " %s=%s", p->name, word);
    }
    return n * list.n;
}

static void set_operands(request *r, curve *c) {
    for (int i = 0; i < r->operands; i++) {
        setting *s = &r->operand[i];
        for (int k = 1; k < GR_LOSS_OPERANDS && c->loss->operands[k].name != NULL; k++) {
            const gr_operand_info *o = &c->loss->operands[k];
            if (o->optional || !names_equal(o->name, s->text, s->length)) continue;
            c->operand[k] = read_number(o->name, s->values);
            s->used = true;
        }
    }
}

static void set_range(const request *r, curve *c) {
    if (!isnan(r->from)) c->from = r->from;
    if (!isnan(r->to)) c->to = r->to;
    if (!(c->from < c->to))
        misuse("plot: %s from %g to %g: expected --from to be less than --to", c->loss->name,
               c->from, c->to);
}

/* The curves of one loss, which follow each other; returns how many. */
static int curves_of(request *r, const gr_loss_info *loss, curve *curves) {
    int n = 1;
    curve_init(&curves[0], loss);
    set_operands(r, &curves[0]);
    set_range(r, &curves[0]);
    for (int i = 0; i < r->parameters; i++) {
        setting *s = &r->parameter[i];
        for (int k = 0; k < GR_LOSS_PARAMETERS && loss->parameters[k].name != NULL; k++) {
            if (!names_equal(loss->parameters[k].name, s->text, s->length)) continue;
            n = multiply_curves(curves, n, k, s->values);
            s->used = true;
        }
    }
    return n;
}

/* Names that no loss has are a misuse. */
static void check_used(const request *r) {
    char word[64];
    names parameters = {.n = 0}, operands = {.n = 0};
    for (int i = 0; i < r->losses; i++) {
        const gr_loss_info *loss = r->loss[i];
        for (int k = 0; k < GR_LOSS_PARAMETERS && loss->parameters[k].name != NULL; k++)
            names_add(&parameters, loss->parameters[k].name);
        for (int k = 1; k < GR_LOSS_OPERANDS && loss->operands[k].name != NULL; k++)
            if (!loss->operands[k].optional) names_add(&operands, loss->operands[k].name);
    }
    names_add(&parameters, "from");
    names_add(&parameters, "to");
    names_add(&parameters, "out");
    for (int i = 0; i < r->parameters; i++) {
        snprintf(word, sizeof word, "%.*s", (int)r->parameter[i].length, r->parameter[i].text);
        if (!r->parameter[i].used) misuse_unknown("plot", "parameter", word, &parameters, "--");
    }
    for (int i = 0; i < r->operands; i++) {
        snprintf(word, sizeof word, "%.*s", (int)r->operand[i].length, r->operand[i].text);
        if (!r->operand[i].used) misuse_unknown("plot", "other operand", word, &operands, "");
    }
}

/* -- The picture's place -- */

typedef struct place {
    char directory[1024], name[256];
} place;

static void name_after_losses(const request *r, place *p) {
    size_t used = 0;
    for (int i = 0; i < r->losses && used < sizeof p->name; i++)
        used += (size_t)snprintf(p->name + used, sizeof p->name - used, "%s%s", i == 0 ? "" : "-",
                                 r->loss[i]->name);
}

static place place_of(const request *r) {
    place p;
    name_after_losses(r, &p);
    const char *out = r->out == NULL ? "." : r->out;
    size_t length = strlen(out);
    if (length == 0 || length >= sizeof p.directory)
        misuse("plot: --out: expected a directory or a file");
    snprintf(p.directory, sizeof p.directory, "%s", out);
    bool is_file = length > 4 &&
                   (strcmp(out + length - 4, ".png") == 0 || strcmp(out + length - 4, ".svg") == 0);
    if (!is_file) return p;
    char *slash = strrchr(p.directory, '/');
    const char *name = slash == NULL ? p.directory : slash + 1;
    snprintf(p.name, sizeof p.name, "%.*s", (int)strlen(name) - 4, name);
    if (slash == NULL)
        snprintf(p.directory, sizeof p.directory, ".");
    else
        slash[slash == p.directory ? 1 : 0] = '\0';
    if (strpbrk(p.name, "'\"\\") != NULL || p.name[0] == '\0')
        misuse("plot: --out %s: expected a name without quotes and backslashes", out);
    return p;
}

static int draw(request *r, gr_graph *g, curve *curves) {
    int n = 0;
    for (int i = 0; i < r->losses; i++) {
        curve room[MOST_CURVES];
        int more = curves_of(r, r->loss[i], room);
        if (n + more > MOST_CURVES) misuse("plot: expected at most %d curves", MOST_CURVES);
        memcpy(curves + n, room, (size_t)more * sizeof *curves);
        n += more;
    }
    check_used(r);
    place p = place_of(r);
    for (int i = 0; i < n; i++) {
        if (!curve_compute(g, &curves[i])) return report_error(g);
        gr_graph_reset(g);
    }
    if (!files_make_directory(p.directory) || !curves_draw(curves, n, p.directory, p.name))
        return 1;
    printf("%s/%s.png\n%s/%s.svg\n", p.directory, p.name, p.directory, p.name);
    return finish_output();
}

int command_plot(int n, char **words) {
    static curve curves[MOST_CURVES];
    static gr_graph *g; /* reachable when a misuse ends the program */
    request r = read_request(n, words);
    g = gr_graph_new(.seed = 1);
    int status = draw(&r, g, curves);
    gr_graph_free(g);
    return status;
}
