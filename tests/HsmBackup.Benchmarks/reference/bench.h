/* The PKCS#11 calls of a backup, a restore and a comparison of nodes, with nothing around them: what the engine is compared with. */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <pkcs11.h>

/* The engine's own sizes, so that every call gets the same arguments. */
enum { WRAP_BUFFER = 16 * 1024, FIND_BATCH = 4096, KEK_LENGTH = 32, MAX_ATTRIBUTES = 128, MAX_NODES = 8 };

/* --- options.c ---------------------------------------------------------------------------------------------------- */

struct options {
    const char *library, *phase, *label, *pin, *so_pin, *attributes;
    const char *target_label, *target_conf;
    unsigned long aes, ec, rsa, repeat;
    bool on_request, deep, prepare_only;
    const char *nodes[MAX_NODES];
    size_t node_count;
};

struct options parse_options(int argc, char **argv);
bool is_wanted(const struct options *options, unsigned long run);

/* --- meter.c: counts calls, takes times, prints one line of JSON for each run ---------------------------------------- */

#define COUNTED_FUNCTIONS(entry)                                                                                          \
    entry(C_FindObjectsInit) entry(C_FindObjects) entry(C_FindObjectsFinal) entry(C_GetAttributeValue) entry(C_WrapKey)   \
    entry(C_UnwrapKey) entry(C_CreateObject) entry(C_DestroyObject) entry(C_GetTokenInfo)

#define ENUM_ENTRY(name) CALL_##name,
enum function { COUNTED_FUNCTIONS(ENUM_ENTRY) FUNCTIONS };

extern unsigned long calls[FUNCTIONS];

/* Makes one PKCS#11 call and counts it. */
#define CALL(name, ...) (calls[CALL_##name]++, p11->name(__VA_ARGS__))

void start_whole(void);
void start_core(void);
void end_core(void);
void end_whole(void);
double processor_time(void);
void add_processor_time(double milliseconds);
void print_run(const char *phase, unsigned long run, size_t objects, size_t keys);

/* --- token.c -------------------------------------------------------------------------------------------------------- */

extern CK_FUNCTION_LIST_PTR p11;

_Noreturn void fail(const char *what, CK_RV rv);
void check(const char *function, CK_RV rv);
void *allocate(size_t size);

void load_library(const char *path);
void start_library(const char *configuration);
void stop_library(void);
CK_SLOT_ID find_token(const char *label);
CK_SLOT_ID find_or_make_token(const char *label, const char *so_pin, const char *pin);
void make_token(CK_SLOT_ID slot, const char *label, const char *so_pin, const char *pin);
void check_present(CK_SLOT_ID slot);
CK_SESSION_HANDLE open_session(CK_SLOT_ID slot, const char *pin);
void close_session(CK_SESSION_HANDLE session);
CK_OBJECT_HANDLE import_kek(CK_SESSION_HANDLE session);
CK_ULONG wrap_key(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE kek, CK_OBJECT_HANDLE key, CK_BYTE *buffer);

/* --- attributes.c: which attributes are read, and which are written ------------------------------------------------- */

enum use { USE_READ, USE_UNWRAP, USE_CREATE, USE_COMPARE };

/* CK_UNAVAILABLE_INFORMATION as class or key type stands for any. */
struct attribute_list {
    enum use use;
    CK_ULONG class, key_type;
    CK_ATTRIBUTE_TYPE types[MAX_ATTRIBUTES];
    /* Length of a value that is always of that length; 0 for one that varies. */
    CK_ULONG lengths[MAX_ATTRIBUTES];
    /* For one that varies: how much is taken without asking for its length first; 0 to ask. */
    CK_ULONG rooms[MAX_ATTRIBUTES];
    CK_ULONG count;
};

void load_lists(const char *path);
const struct attribute_list *list_for(enum use use, CK_ULONG class, CK_ULONG key_type);

/* --- objects.c ------------------------------------------------------------------------------------------------------ */

struct object {
    CK_ULONG class, key_type;
    CK_ATTRIBUTE attributes[MAX_ATTRIBUTES];
    CK_ULONG count;
    CK_BYTE *values;
    size_t length;
    CK_BYTE *blob;
    CK_ULONG blob_length;
};

struct objects {
    struct object *items;
    size_t count, capacity, keys;
};

CK_OBJECT_HANDLE *find_objects(CK_SESSION_HANDLE session, CK_BBOOL on_token, size_t *count);
void check_read(CK_RV rv);
struct object read_object(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE handle);
void free_object(struct object *object);
bool is_wrapped(const struct object *object);
struct objects capture_objects(CK_SLOT_ID slot, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE kek);
void free_objects(struct objects *objects);

/* --- nodes.c: a process for each node of a cluster ------------------------------------------------------------------ */

struct node {
    const char *label, *configuration;
    const struct options *options;
    int to, from;
};

void start_nodes(const struct options *options, struct node *nodes, void (*serve)(const struct node *, int, int));
void send_message(int file, const void *data, size_t length);
void *receive_message(int file, size_t *length);

/* --- drift.c -------------------------------------------------------------------------------------------------------- */

/* An object, as it is compared: equal identities are one object, equal fingerprints are the same. */
struct item {
    uint64_t identity, fingerprint;
    CK_OBJECT_HANDLE handle;
};

/* An object that the nodes do not hold alike; null where a node does not have it. */
struct mismatch {
    const struct item *items[MAX_NODES];
    size_t nodes;
    uint64_t majority;
};

struct item *read_items(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE kek, size_t *count);
void compare_nodes(struct item *const *items, const size_t *counts, size_t nodes, void (*visit)(const struct mismatch *, void *),
                   void *context);

/* --- the phases: populate.c, restore.c, drift.c --------------------------------------------------------------------- */

void populate(CK_SESSION_HANDLE session, const struct options *options);
void restore_objects(CK_SLOT_ID slot, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE kek, const struct objects *objects);
CK_OBJECT_HANDLE make_object(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE kek, const struct object *object, CK_BBOOL is_token);
void prove(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE kek, CK_OBJECT_HANDLE key, const struct object *object);
void run_drift(const struct options *options);
void run_repair(const struct options *options);

#endif
