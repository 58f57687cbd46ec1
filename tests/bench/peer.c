/* Conversation with another library's process, over two pipes. */
#include "tests/bench/peer.h"

#include "core/kernels/real.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct peer {
    pid_t pid;
    FILE *to, *from;
    char name[128];
};

static bool read_line(peer *p, char *line, int size) {
    if (fgets(line, size, p->from) == NULL) return false;
    line[strcspn(line, "\n")] = '\0';
    return true;
}

static void run(const char *command, int in[2], int out[2]) {
    dup2(in[0], STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    close(in[0]), close(in[1]), close(out[0]), close(out[1]);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

static bool spawn(peer *p, const char *command) {
    int in[2], out[2];
    if (pipe(in) != 0) return false;
    if (pipe(out) != 0) {
        close(in[0]), close(in[1]);
        return false;
    }
    signal(SIGPIPE, SIG_IGN);
    fflush(stdout);
    p->pid = fork();
    if (p->pid == 0) run(command, in, out);
    close(in[0]), close(out[1]);
    /* A process that is started later must not hold these open, or this one never sees their
     * end. */
    fcntl(in[1], F_SETFD, FD_CLOEXEC), fcntl(out[0], F_SETFD, FD_CLOEXEC);
    p->to = fdopen(in[1], "w");
    p->from = fdopen(out[0], "r");
    return p->pid > 0 && p->to != NULL && p->from != NULL;
}

peer *peer_start(const char *command, int threads, bool quiet) {
    peer *p = calloc(1, sizeof *p);
    char full[1024], line[512];
    if (p == NULL) return NULL;
    snprintf(full, sizeof full, "exec %s float%d %d", command, (int)sizeof(gr_real) * 8, threads);
    if (spawn(p, full) && read_line(p, line, sizeof line)) {
        if (strncmp(line, "ready ", 6) == 0) {
            snprintf(p->name, sizeof p->name, "%.*s", (int)sizeof p->name - 1, line + 6);
            return p;
        }
        if (!quiet) printf("Left out: %s\n", strncmp(line, "missing ", 8) == 0 ? line + 8 : line);
    } else if (!quiet) {
        printf("Left out, since it does not start: %s\n", command);
    }
    peer_stop(p);
    return NULL;
}

const char *peer_name(const peer *p) { return p->name; }

void peer_stop(peer *p) {
    if (p == NULL) return;
    if (p->to != NULL) fclose(p->to);
    if (p->from != NULL) fclose(p->from);
    if (p->pid > 0) waitpid(p->pid, NULL, 0);
    free(p);
}

/* -- Requests -- */

static bool ask(peer *p, const char *verb, const char *workload_name, double n, char *answer,
                int size) {
    fprintf(p->to, "%s %s %g\n", verb, workload_name, n);
    fflush(p->to);
    return read_line(p, answer, size);
}

double peer_time(peer *p, const char *workload_name, double milliseconds) {
    char line[64], *end;
    if (!ask(p, "time", workload_name, milliseconds, line, sizeof line)) return NAN;
    double microseconds = strtod(line, &end);
    return end != line ? microseconds : NAN;
}

bool peer_run(peer *p, const char *workload_name, int steps) {
    char line[64];
    return ask(p, "run", workload_name, steps, line, sizeof line) && strcmp(line, "done") == 0;
}

bool peer_losses(peer *p, const char *workload_name, int steps, double losses[2]) {
    char line[128];
    return ask(p, "losses", workload_name, steps, line, sizeof line) &&
           sscanf(line, "%lf %lf", &losses[0], &losses[1]) == 2;
}

double peer_resident(const peer *p) { return resident_peak((long)p->pid); }

double resident_peak(long pid) {
    char path[64], line[256];
    double bytes = NAN;
    snprintf(path, sizeof path, pid == 0 ? "/proc/self/status" : "/proc/%ld/status", pid);
    FILE *f = fopen(path, "r");
    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, "VmHWM:", 6) == 0) bytes = 1024 * strtod(line + 6, NULL);
    if (f != NULL) fclose(f);
    return bytes;
}
