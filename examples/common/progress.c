#include "examples/common/progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

static const double TERMINAL_INTERVAL = 0.1, FILE_INTERVAL = 10;

double progress_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

progress progress_begin(const char *what, double total) {
    double now = progress_clock();
    bool terminal = isatty(STDERR_FILENO);
    return (progress){.what = what,
                      .total = total,
                      .began = now,
                      .shown = terminal ? now - TERMINAL_INTERVAL : now,
                      .terminal = terminal};
}

static void format_time(char *text, size_t size, double seconds) {
    if (seconds < 90)
        snprintf(text, size, "%.0f s", seconds);
    else if (seconds < 90 * 60)
        snprintf(text, size, "%.0f min", seconds / 60);
    else
        snprintf(text, size, "%.1f h", seconds / 3600);
}

void progress_show(progress *p, double done, const char *detail) {
    double now = progress_clock(), passed = now - p->began;
    if (now - p->shown < (p->terminal ? TERMINAL_INTERVAL : FILE_INTERVAL)) return;
    p->shown = now;
    p->dirty = true;
    char left[32] = "";
    if (done > 0) format_time(left, sizeof left, passed * (p->total - done) / done);
    fprintf(stderr, "%s%s %3.0f%%%s%s%s%s%s%s", p->terminal ? "\r" : "", p->what,
            100 * done / p->total, done > 0 ? ", " : "", left, done > 0 ? " left" : "",
            detail[0] == '\0' ? "" : "  ", detail, p->terminal ? "\033[K" : "\n");
    fflush(stderr);
}

double progress_end(progress *p) {
    if (p->terminal && p->dirty) fprintf(stderr, "\r\033[K");
    return progress_clock() - p->began;
}
