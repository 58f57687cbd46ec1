#include "examples/common/files.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_SIZE = 4096 };

static bool is_directory(const char *path) {
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

bool files_make_directory(const char *path) {
    char part[PATH_SIZE];
    size_t length = strlen(path);
    if (length >= sizeof part) {
        fprintf(stderr, "can't make the directory %.60s...: its name is too long\n", path);
        return false;
    }
    for (size_t i = 1; i <= length; i++) {
        if (path[i] != '/' && path[i] != '\0') continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, 0777) == 0 || is_directory(part)) continue;
        fprintf(stderr, "can't make the directory %s: %s\n", part, strerror(errno));
        return false;
    }
    return true;
}

FILE *files_create(const char *directory, const char *name) {
    char path[PATH_SIZE];
    int length = snprintf(path, sizeof path, "%s/%s", directory, name);
    errno = ENAMETOOLONG;
    FILE *file = length < (int)sizeof path ? fopen(path, "w") : NULL;
    if (file == NULL) fprintf(stderr, "can't write %s: %s\n", path, strerror(errno));
    return file;
}

bool files_close(FILE *file, const char *name) {
    bool written = !ferror(file);
    if (fclose(file) != 0) written = false;
    if (!written) fprintf(stderr, "can't write all of %s: %s\n", name, strerror(errno));
    return written;
}
