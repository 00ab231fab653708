/* The measured calls of a backup and a restore, with nothing around them: what the engine is compared with. */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <pkcs11.h>

enum { WRAP_BUFFER = 8192, KEK_LENGTH = 32, MAX_ATTRIBUTES = 64 };

/* --- options.c ---------------------------------------------------------------------------------------------------- */

struct options {
    const char *library, *phase, *label, *pin, *so_pin, *attributes;
    const char *target_label, *target_conf;
    unsigned long aes, ec, rsa, repeat;
    bool trial, read_back_public;
};

struct options parse_options(int argc, char **argv);

/* --- clock.c: one line of JSON for each run ------------------------------------------------------------------------- */

enum step { LOGIN, IMPORT, FIND, READ, WRAP, TRIAL, UNWRAP, CREATE, READ_BACK, PROVE, STEPS };

double now_ms(void);
void start_run(void);
void count_call(enum step step, double started_ms);
void print_run(const char *phase, unsigned long run, size_t objects, size_t keys);

/* Makes one PKCS#11 call, and books its time under a step. */
#define TIMED(step, call) \
    __extension__({ double started_ms = now_ms(); CK_RV result = (call); count_call((step), started_ms); result; })

/* --- token.c -------------------------------------------------------------------------------------------------------- */

extern CK_FUNCTION_LIST_PTR p11;

_Noreturn void fail(const char *what, CK_RV rv);
void check(const char *function, CK_RV rv);
void *allocate(size_t size);

void load_library(const char *path);
CK_SLOT_ID find_token(const char *label);
CK_SLOT_ID find_or_make_token(const char *label, const char *so_pin, const char *pin);
void make_token(CK_SLOT_ID slot, const char *label, const char *so_pin, const char *pin);
CK_SESSION_HANDLE open_session(CK_SLOT_ID slot, const char *pin);
void close_session(CK_SESSION_HANDLE session);
CK_OBJECT_HANDLE import_kek(CK_SESSION_HANDLE session);
CK_ULONG wrap_key(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE kek, CK_OBJECT_HANDLE key, enum step step, CK_BYTE *buffer);

/* --- attributes.c: which attributes are read, and which are written ------------------------------------------------- */

enum use { USE_READ, USE_UNWRAP, USE_CREATE };

/* CK_UNAVAILABLE_INFORMATION as class or key type stands for any. */
struct attribute_list {
    enum use use;
    CK_ULONG class, key_type;
    CK_ATTRIBUTE_TYPE types[MAX_ATTRIBUTES];
    CK_ULONG count;
};

void load_lists(const char *path);
const struct attribute_list *next_list(enum use use, const struct attribute_list *previous);
const struct attribute_list *list_for(enum use use, CK_ULONG class, CK_ULONG key_type);

/* --- objects.c ------------------------------------------------------------------------------------------------------ */

struct object {
    CK_ULONG class, key_type;
    CK_ATTRIBUTE attributes[MAX_ATTRIBUTES];
    CK_ULONG count;
    CK_BYTE *values;
    CK_BYTE *blob;
    CK_ULONG blob_length;
};

struct objects {
    struct object *items;
    size_t count, capacity, keys;
};

void read_object(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE handle, const struct attribute_list *list, enum step step,
                 struct object *object);
void free_object(struct object *object);
bool is_wrapped(const struct object *object);
struct objects capture_objects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE kek);
void free_objects(struct objects *objects);

/* --- the phases: populate.c, restore.c ------------------------------------------------------------------------------ */

void populate(CK_SESSION_HANDLE session, const struct options *options);
void restore_objects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE kek, const struct objects *objects,
                     const struct options *options);

#endif
