/* Conversation with another library's process, over two pipes. */
#include "tests/bench/bench.h"

#include <math.h>
#include <signal.h>
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
    p->to = fdopen(in[1], "w");
    p->from = fdopen(out[0], "r");
    return p->pid > 0 && p->to != NULL && p->from != NULL;
}

peer *peer_start(const char *command) {
    peer *p = calloc(1, sizeof *p);
    char line[sizeof p->name + 16];
    if (p == NULL) return NULL;
    if (spawn(p, command) && read_line(p, line, sizeof line)) {
        if (strncmp(line, "ready ", 6) == 0) {
            snprintf(p->name, sizeof p->name, "%.*s", (int)sizeof p->name - 1, line + 6);
            return p;
        }
        printf("Left out: %s\n", strncmp(line, "missing ", 8) == 0 ? line + 8 : line);
    } else {
        printf("Left out, since it does not start: %s\n", command);
    }
    peer_stop(p);
    return NULL;
}

const char *peer_name(const peer *p) { return p->name; }

double peer_measure(peer *p, const char *workload_name, double milliseconds) {
    char line[64], *end;
    fprintf(p->to, "%s %g\n", workload_name, milliseconds);
    fflush(p->to);
    if (!read_line(p, line, sizeof line)) return NAN;
    double microseconds = strtod(line, &end);
    return end != line ? microseconds : NAN;
}

void peer_stop(peer *p) {
    if (p == NULL) return;
    if (p->to != NULL) fclose(p->to);
    if (p->from != NULL) fclose(p->from);
    if (p->pid > 0) waitpid(p->pid, NULL, 0);
    free(p);
}
