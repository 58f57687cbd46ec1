#include "tests/unit/files.h"

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 256, PATHS = 8, LARGEST_FILE = 1 << 16 };

static char scratch[PATH_SIZE];

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

bool file_exists(const char *path) { return access(path, F_OK) == 0; }

const char *scratch_make(void) {
    strcpy(scratch, "/tmp/gradus-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(scratch));
    return scratch;
}

const char *scratch_path(const char *name) {
    static char paths[PATHS][2 * PATH_SIZE];
    static int next;
    char *path = paths[next++ % PATHS];
    snprintf(path, sizeof paths[0], "%s/%.200s", scratch, name);
    return path;
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

unsigned next_random(unsigned *state) {
    *state = 1664525 * *state + 1013904223;
    return *state >> 8;
}
