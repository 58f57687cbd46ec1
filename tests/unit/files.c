#include "tests/unit/files.h"

#include <check.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 256, PATHS = 64, LARGEST_FILE = 1 << 16 };

static char scratch[PATH_SIZE];

/* Those in it that a test has named. */
static struct named { char name[64], path[2 * PATH_SIZE]; } paths[PATHS];
static int n_paths;

test_file file_read(const char *path) {
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s: can't be read; run the tests from the repository's root",
                  path);
    unsigned char *room = malloc(LARGEST_FILE);
    size_t size = fread(room, 1, LARGEST_FILE, file);
    fclose(file);
    ck_assert_uint_lt(size, LARGEST_FILE);
    test_file f = {.bytes = malloc(size + 1), .size = size};
    memcpy(f.bytes, room, size);
    free(room);
    return f;
}

void file_write(const char *path, const void *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

file_bytes *file_load(const char *path, file_bytes *bytes) {
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s can't be opened", path);
    bytes->size = fread(bytes->at, 1, sizeof bytes->at, file);
    fclose(file);
    ck_assert_uint_lt(bytes->size, sizeof bytes->at);
    return bytes;
}

bool file_exists(const char *path) { return access(path, F_OK) == 0; }

const char *scratch_make(void) {
    strcpy(scratch, "/tmp/gradus-test-XXXXXX");
    n_paths = 0;
    ck_assert_ptr_nonnull(mkdtemp(scratch));
    return scratch;
}

const char *scratch_path(const char *name) {
    for (int i = 0; i < n_paths; i++)
        if (strcmp(paths[i].name, name) == 0) return paths[i].path;
    ck_assert_int_lt(n_paths, PATHS);
    struct named *made = &paths[n_paths++];
    snprintf(made->name, sizeof made->name, "%s", name);
    snprintf(made->path, sizeof made->path, "%s/%.200s", scratch, name);
    return made->path;
}

void scratch_directory(const char *name) { ck_assert_int_eq(mkdir(scratch_path(name), 0777), 0); }

static void remove_tree(const char *path) {
    DIR *d = opendir(path);
    if (d == NULL) {
        remove(path);
        return;
    }
    for (struct dirent *entry; (entry = readdir(d)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        char inner[2 * PATH_SIZE];
        snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
        struct stat status;
        if (lstat(inner, &status) == 0 && S_ISDIR(status.st_mode))
            remove_tree(inner);
        else
            remove(inner);
    }
    closedir(d);
    rmdir(path);
}

void scratch_remove(void) {
    if (scratch[0] != '\0') remove_tree(scratch);
    scratch[0] = '\0';
}

static struct rlimit limit_before;
static void (*handler_before)(int);

void limit_file_size(size_t bytes) {
    getrlimit(RLIMIT_FSIZE, &limit_before);
    handler_before = signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){.rlim_cur = bytes, .rlim_max = limit_before.rlim_max});
}

void unlimit_file_size(void) {
    setrlimit(RLIMIT_FSIZE, &limit_before);
    signal(SIGXFSZ, handler_before);
}

size_t safetensors_data_begin(const file_bytes *bytes) {
    size_t length = 0;
    for (int i = 7; i >= 0; i--) length = length << 8 | bytes->at[i];
    return 8 + length;
}

unsigned next_random(unsigned *state) {
    *state = 1664525 * *state + 1013904223;
    return *state >> 8;
}
