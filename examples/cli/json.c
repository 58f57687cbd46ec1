#include "examples/cli/json.h"

#include <math.h>
#include <stdlib.h>

static bool write_special(FILE *to, double value) {
    if (isfinite(value) && value != 0) return false;
    fputs(value == 0 ? "0" : isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity", to);
    return true;
}

void json_number(FILE *to, double value) {
    if (write_special(to, value)) return;
    char text[32];
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    fputs(text, to);
}

static void write_real(FILE *to, gr_real value) {
    if (write_special(to, (double)value)) return;
    char text[32];
    int most = sizeof value == sizeof(double) ? 17 : 9;
    for (int digits = most == 17 ? 17 : 6; digits <= most; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == (float)value) break;
    }
    fputs(text, to);
}

void json_text(FILE *to, const char *text) {
    if (text == NULL) {
        fputs("null", to);
        return;
    }
    fputc('"', to);
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ')
            fprintf(to, "\\u%04x", (unsigned)*text);
        else
            fprintf(to, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
    }
    fputc('"', to);
}

static void write_level(FILE *to, const gr_tensor *t, int depth, int64_t *at) {
    if (depth == t->shape.ndim) {
        if (t->kind == GR_INDEX)
            fprintf(to, "%d", (int)t->index[*at]);
        else
            write_real(to, t->data[*at]);
        ++*at;
        return;
    }
    fputc('[', to);
    for (int i = 0; i < t->shape.dim[depth]; i++) {
        if (i > 0) fputs(", ", to);
        write_level(to, t, depth + 1, at);
    }
    fputc(']', to);
}

void json_tensor(FILE *to, const gr_tensor *t) {
    int64_t at = 0;
    write_level(to, t, 0, &at);
}
