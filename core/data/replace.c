#include "core/data/replace_internal.h"

#include "core/graph/graph_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct replacement {
    const char *path;
    char *temporary, *directory;
    const char *reason; /* why it failed, where errno does not say it */
} replacement;

static bool same_file(int opened, const char *name) {
    struct stat a, b;
    return fstat(opened, &a) == 0 && stat(name, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

/* Opens and locks the temporary file; -1 if that can't be. Between the two another writer may have
 * renamed it: what is locked then is the other's finished file, and a new one is begun. */
static int open_locked(replacement *r) {
    for (;;) {
        int file = open(r->temporary, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (file < 0) return -1;
        bool busy = flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
        if (!busy && same_file(file, r->temporary)) return file;
        close(file);
        if (!busy) continue;
        r->reason = "another process is writing it";
        return -1;
    }
}

/* What is there and no plain file, a pipe or a device, is written to: as root one could replace
 * /dev/null. */
static bool is_plain(const char *path) {
    struct stat there;
    return stat(path, &there) != 0 || S_ISREG(there.st_mode);
}

static bool write_to(const replacement *r, bool (*write)(FILE *file, void *context),
                     void *context) {
    FILE *file = fopen(r->path, "wb");
    if (file == NULL) return false;
    bool written = write(file, context) && fflush(file) == 0;
    int error = errno;
    if (fclose(file) != 0 && written) return false;
    errno = error;
    return written;
}

/* Not every file system can do it, and not every directory that can be written can be opened: the
 * renamed file is whole all the same. */
static bool sync_directory(const replacement *r) {
    int directory = open(r->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return true;
    bool synced = fsync(directory) == 0 || errno != EIO;
    close(directory);
    return synced;
}

static bool replace(replacement *r, bool (*write)(FILE *file, void *context), void *context) {
    if (!is_plain(r->path)) return write_to(r, write, context);
    int descriptor = open_locked(r);
    if (descriptor < 0) return false;
    FILE *file = ftruncate(descriptor, 0) == 0 ? fdopen(descriptor, "wb") : NULL;
    bool renamed = file != NULL && write(file, context) && fflush(file) == 0 &&
                   fsync(descriptor) == 0 && rename(r->temporary, r->path) == 0;
    int error = errno;
    if (!renamed) unlink(r->temporary); /* before the lock is given back */
    if (file == NULL)
        close(descriptor);
    else
        fclose(file);
    errno = error;
    return renamed && sync_directory(r);
}

/* Names beside the path; false if there is no memory. */
static bool make_names(replacement *r, gr_arena *scratch) {
    size_t length = strlen(r->path);
    const char *slash = strrchr(r->path, '/');
    size_t before = slash == NULL ? 0 : (size_t)(slash - r->path) + 1;
    r->temporary = gr_arena_alloc(scratch, length + sizeof ".tmp", GR_ALIGN_STRUCT);
    r->directory = gr_arena_alloc(scratch, before + sizeof ".", GR_ALIGN_STRUCT);
    if (r->temporary == NULL || r->directory == NULL) return false;
    memcpy(r->temporary, r->path, length);
    memcpy(r->temporary + length, ".tmp", sizeof ".tmp");
    memcpy(r->directory, r->path, before);
    memcpy(r->directory + before, ".", sizeof ".");
    return true;
}

bool gr_replace_file(gr_graph *g, const char *who, const char *path,
                     bool (*write)(FILE *file, void *context), void *context) {
    if (path == NULL) return gr_fail(g, "%s: path is NULL", who);
    gr_arena scratch = {.budget = &g->budget, .first_chunk = 512};
    replacement r = {.path = path};
    bool named = make_names(&r, &scratch), replaced = named && replace(&r, write, context);
    if (!named)
        gr_fail(g, "%s: no memory to write %s", who, path);
    else if (!replaced)
        gr_fail(g, "%s: can't write %s: %s", who, path,
                r.reason != NULL ? r.reason : strerror(errno));
    gr_arena_free(&scratch);
    return replaced;
}
