#include "core/data/file_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The rest of the file and one character more; NULL if it can't be read or there is no memory. */
static char *slurp(FILE *file, size_t *bytes) {
    char *text = NULL;
    size_t used = 0, capacity = 0;
    do {
        size_t wanted = capacity == 0 ? 1 << 16 : 2 * capacity;
        char *bigger = wanted > capacity ? realloc(text, wanted) : NULL;
        if (bigger == NULL) {
            free(text);
            errno = ENOMEM;
            return NULL;
        }
        text = bigger;
        capacity = wanted;
        used += fread(text + used, 1, capacity - used - 1, file);
    } while (used == capacity - 1);
    text[used] = '\0';
    *bytes = used;
    if (!ferror(file)) return text;
    free(text);
    return NULL;
}

char *gr_read_file(gr_graph *g, const char *who, const char *path, size_t *bytes) {
    if (path == NULL) return gr_fail(g, "%s: path is NULL", who);
    FILE *file = fopen(path, "rb");
    if (file == NULL) return gr_fail(g, "%s: can't open %s: %s", who, path, strerror(errno));
    char *text = slurp(file, bytes);
    int error = errno;
    fclose(file);
    if (text == NULL) return gr_fail(g, "%s: can't read %s: %s", who, path, strerror(error));
    return text;
}

/* -- Writing -- */

/* path.part, to be freed; NULL with errno set if there is no memory. */
static char *part_name(const char *path) {
    static const char ending[] = ".part";
    size_t length = strlen(path);
    char *part = malloc(length + sizeof ending);
    if (part == NULL) return NULL;
    memcpy(part, path, length);
    memcpy(part + length, ending, sizeof ending);
    return part;
}

bool gr_new_file_open(gr_new_file *f, gr_graph *g, const char *who, const char *path) {
    *f = (gr_new_file){.file = NULL};
    if (path == NULL) return gr_fail(g, "%s: path is NULL", who);
    struct stat status;
    bool direct = stat(path, &status) == 0 && !S_ISREG(status.st_mode);
    if (!direct) f->part = part_name(path);
    if (direct || f->part != NULL) f->file = fopen(direct ? path : f->part, "wb");
    if (f->file != NULL) return true;
    gr_fail(g, "%s: can't open %s: %s", who, f->part == NULL ? path : f->part, strerror(errno));
    free(f->part);
    return false;
}

bool gr_new_file_close(gr_new_file *f, gr_graph *g, const char *who, const char *path, bool good) {
    bool written = !ferror(f->file);
    if (fclose(f->file) != 0) written = false;
    if (written && good && f->part != NULL) written = rename(f->part, path) == 0;
    int error = errno;
    if (f->part != NULL && !(written && good)) remove(f->part);
    free(f->part);
    *f = (gr_new_file){.file = NULL};
    if (good && !written) gr_fail(g, "%s: can't write all of %s: %s", who, path, strerror(error));
    return good && written;
}
