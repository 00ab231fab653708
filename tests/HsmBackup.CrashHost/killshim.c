/* Kills its process before the n-th call by which a file or a name changes below given folders, so that a test can stop a
 * program at every single step of its work on disk, and not only where luck has it. Loaded with LD_PRELOAD.
 *
 *   HSMBACKUP_SHIM_FOLDERS  folders, separated by colons
 *   HSMBACKUP_SHIM_KILL     n, from 1; without it nothing is killed
 *   HSMBACKUP_SHIM_TEAR     how many bytes a pwrite still writes where it is the n-th; without it none
 *   HSMBACKUP_SHIM_LOG      a file that gets one line for each step
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static int steps;

static int is_watched(const char *path)
{
    const char *folders = getenv("HSMBACKUP_SHIM_FOLDERS");
    while (path && folders && *folders) {
        size_t length = strcspn(folders, ":");
        if (length > 0 && strncmp(path, folders, length) == 0)
            return 1;
        folders += length + (folders[length] == ':');
    }
    return 0;
}

static void step(const char *what, const char *path)
{
    if (!is_watched(path))
        return;
    int error = errno;
    int number = __atomic_add_fetch(&steps, 1, __ATOMIC_SEQ_CST);
    const char *log = getenv("HSMBACKUP_SHIM_LOG");
    if (log) {
        char line[4352];
        int length = snprintf(line, sizeof line, "%d %s %s\n", number, what, path);
        int fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        syscall(SYS_write, fd, line, (size_t)length);
        syscall(SYS_close, fd);
    }
    const char *kill_at = getenv("HSMBACKUP_SHIM_KILL");
    if (kill_at && atoi(kill_at) == number)
        kill(getpid(), SIGKILL);
    errno = error;
}

static void step_on(const char *what, int fd)
{
    char link[64], path[4096];
    int error = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = error;
    if (length > 0) {
        path[length] = 0;
        step(what, path);
    }
}

/* Before a step: whether it is the one that kills, and is to be done in part. */
static size_t torn(size_t n)
{
    const char *kill_at = getenv("HSMBACKUP_SHIM_KILL"), *tear = getenv("HSMBACKUP_SHIM_TEAR");
    size_t part = kill_at && tear && atoi(kill_at) == __atomic_load_n(&steps, __ATOMIC_SEQ_CST) + 1 ? (size_t)atol(tear) : 0;
    return part < n ? part : n;
}

static int is_watched_file(int fd)
{
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length > 0 ? length : 0] = 0;
    return is_watched(path);
}

/* The library's own function of the same name. */
#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
#define CHANGES(flags) ((flags) & (O_CREAT | O_TRUNC))
#define MODE(flags) mode_t mode = 0; if ((flags) & O_CREAT) { va_list list; va_start(list, flags); mode = va_arg(list, mode_t); va_end(list); }

int open(const char *path, int flags, ...) { MODE(flags) REAL(open); if (CHANGES(flags)) step("open", path); return real(path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) REAL(open64); if (CHANGES(flags)) step("open", path); return real(path, flags, mode); }
FILE *fopen(const char *path, const char *how) { REAL(fopen); if (*how != 'r') step("fopen", path); return real(path, how); }
FILE *fopen64(const char *path, const char *how) { REAL(fopen64); if (*how != 'r') step("fopen", path); return real(path, how); }
int fflush(FILE *file) { REAL(fflush); if (file) step_on("fflush", fileno(file)); return real(file); }
ssize_t write(int fd, const void *data, size_t n) { REAL(write); step_on("write", fd); return real(fd, data, n); }
ssize_t pwrite(int fd, const void *data, size_t n, off_t at) { REAL(pwrite); if (torn(n) && is_watched_file(fd)) real(fd, data, torn(n), at); step_on("pwrite", fd); return real(fd, data, n, at); }
ssize_t pwrite64(int fd, const void *data, size_t n, off64_t at) { REAL(pwrite64); if (torn(n) && is_watched_file(fd)) real(fd, data, torn(n), at); step_on("pwrite", fd); return real(fd, data, n, at); }
int ftruncate(int fd, off_t n) { REAL(ftruncate); step_on("ftruncate", fd); return real(fd, n); }
int ftruncate64(int fd, off64_t n) { REAL(ftruncate64); step_on("ftruncate", fd); return real(fd, n); }
int fsync(int fd) { REAL(fsync); step_on("fsync", fd); return real(fd); }
int link(const char *from, const char *to) { REAL(link); step("link", to); return real(from, to); }
int rename(const char *from, const char *to) { REAL(rename); step("rename", to); return real(from, to); }
int unlink(const char *path) { REAL(unlink); step("unlink", path); return real(path); }
int remove(const char *path) { REAL(remove); step("remove", path); return real(path); }
int mkdir(const char *path, mode_t mode) { REAL(mkdir); step("mkdir", path); return real(path, mode); }
int rmdir(const char *path) { REAL(rmdir); step("rmdir", path); return real(path); }
