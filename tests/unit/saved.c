#include "tests/unit/saved.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static char directory[] = "/tmp/gradus-test-XXXXXX";

static struct named { char name[64], path[128]; } paths[16];
static size_t used;

const char *files_path(const char *name) {
    for (size_t i = 0; i < used; i++)
        if (strcmp(paths[i].name, name) == 0) return paths[i].path;
    ck_assert_uint_lt(used, sizeof paths / sizeof *paths);
    struct named *new = &paths[used++];
    snprintf(new->name, sizeof new->name, "%s", name);
    snprintf(new->path, sizeof new->path, "%s/%.64s", directory, name);
    return new->path;
}

void files_setup(void) {
    strcpy(directory + strlen(directory) - 6, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
}

void files_teardown(void) {
    for (size_t i = 0; i < used; i++) remove(paths[i].path);
    used = 0;
    ck_assert_msg(rmdir(directory) == 0, "a file that the test did not name is in %s", directory);
}

bool files_exist(const char *path) { return access(path, F_OK) == 0; }

files_bytes *files_read(const char *path, files_bytes *bytes) {
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s can't be opened", path);
    bytes->size = fread(bytes->at, 1, sizeof bytes->at, file);
    fclose(file);
    ck_assert_uint_lt(bytes->size, sizeof bytes->at);
    return bytes;
}

void files_write(const char *path, const void *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    ck_assert_msg(file != NULL, "%s can't be opened", path);
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
}

static struct rlimit before;
static void (*handler)(int);

void files_limit(size_t bytes) {
    getrlimit(RLIMIT_FSIZE, &before);
    handler = signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){.rlim_cur = bytes, .rlim_max = before.rlim_max});
}

void files_unlimit(void) {
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, handler);
}

size_t files_data_begin(const files_bytes *bytes) {
    size_t length = 0;
    for (int i = 7; i >= 0; i--) length = length << 8 | bytes->at[i];
    return 8 + length;
}
