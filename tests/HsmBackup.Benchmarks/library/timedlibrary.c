/*
 * A PKCS#11 library that stands before another one and adds up the time that its calls take, in a file that others can read meanwhile.
 *
 * Compiled with -DREAL_LIBRARY="..." -DTIMES="...". Every copy of this library makes a copy of the real one, which is then a library of its
 * own, as every node of a cluster needs one; all copies, in whatever process, add to the same file: for each function, in the order of
 * CK_FUNCTION_LIST, two numbers of 64 bits, how many calls and how many nanoseconds. HSMBACKUP_TIMES names another file.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <pkcs11.h>

#define FUNCTIONS 68

/*
 * Every function of PKCS#11 2.40 takes at most nine arguments, integers or pointers, and gives a CK_RV. In the calling conventions of x86-64
 * and arm64 such a call can be passed on without knowing how many there are: what was not given is whatever lies there, and nobody looks at it.
 */
typedef unsigned long word;
typedef word (*function)(word, word, word, word, word, word, word, word, word);

struct table {
    CK_VERSION version;
    function functions[FUNCTIONS];
};

static struct table real_table, table;
static struct { _Atomic unsigned long calls, nanoseconds; } *times;

static unsigned long now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (unsigned long)time.tv_sec * 1000000000UL + (unsigned long)time.tv_nsec;
}

#define TIMED(index)                                                                                     \
    static word timed_##index(word a, word b, word c, word d, word e, word f, word g, word h, word i)    \
    {                                                                                                    \
        unsigned long since = now();                                                                     \
        word rv = real_table.functions[index](a, b, c, d, e, f, g, h, i);                                \
        atomic_fetch_add(&times[index].nanoseconds, now() - since);                                      \
        atomic_fetch_add(&times[index].calls, 1);                                                        \
        return rv;                                                                                       \
    }

#define EACH(X)                                                                                          \
    X(0) X(1) X(2) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16) X(17) X(18)   \
    X(19) X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28) X(29) X(30) X(31) X(32) X(33) X(34)      \
    X(35) X(36) X(37) X(38) X(39) X(40) X(41) X(42) X(43) X(44) X(45) X(46) X(47) X(48) X(49) X(50)      \
    X(51) X(52) X(53) X(54) X(55) X(56) X(57) X(58) X(59) X(60) X(61) X(62) X(63) X(64) X(65) X(66) X(67)

EACH(TIMED)

/* Each copy of this library has its own copy of the real one beside it; another run of the same finds it there. */
static int copy_real_library(const char *copy)
{
    char part[4200];
    if (access(copy, F_OK) == 0) {
        return 1;
    }
    snprintf(part, sizeof part, "%s.%d", copy, (int)getpid());
    int from = open(REAL_LIBRARY, O_RDONLY | O_CLOEXEC), to = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
    struct stat status;
    int copied = from >= 0 && to >= 0 && fstat(from, &status) == 0 && sendfile(to, from, NULL, (size_t)status.st_size) == status.st_size;
    close(from);
    close(to);
    return copied && rename(part, copy) == 0;
}

static int map_times(void)
{
    const char *path = getenv("HSMBACKUP_TIMES");
    int file = open(path == NULL ? TIMES : path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || ftruncate(file, FUNCTIONS * sizeof *times) != 0) {
        return 0;
    }
    void *map = mmap(NULL, FUNCTIONS * sizeof *times, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    times = map;
    return map != MAP_FAILED;
}

static int load_real_library(void)
{
    Dl_info self;
    char copy[4100];
    if (dladdr((void *)&load_real_library, &self) == 0) {
        return 0;
    }
    snprintf(copy, sizeof copy, "%s.behind", self.dli_fname);
    void *library = copy_real_library(copy) ? dlopen(copy, RTLD_NOW | RTLD_LOCAL) : NULL;
    CK_C_GetFunctionList get = library == NULL ? NULL : (CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList");
    CK_FUNCTION_LIST *list;
    if (get == NULL || get(&list) != CKR_OK || !map_times()) {
        return 0;
    }
    _Static_assert(sizeof(struct table) == sizeof *list, "a table of 2.40");
    real_table = table = *(struct table *)list;
#define REPLACE(index) table.functions[index] = timed_##index;
    EACH(REPLACE)
    return 1;
}

/* The function list of the real library would lead past this one. */
static word get_function_list(word list, word b, word c, word d, word e, word f, word g, word h, word i)
{
    (void)b, (void)c, (void)d, (void)e, (void)f, (void)g, (void)h, (void)i;
    *(struct table **)list = &table;
    return CKR_OK;
}

__attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
    static int loaded;
    if (!loaded && !(loaded = load_real_library())) {
        return CKR_GENERAL_ERROR;
    }
    table.functions[3] = get_function_list;
    *list = (CK_FUNCTION_LIST *)&table;
    return CKR_OK;
}
