/* Finds what the nodes of a cluster hold differently, by the fewest calls that this takes. */
#include "bench.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for a value whose length is not known beforehand; what is longer is read by two calls. */
enum { USUAL_ROOM = 1024, BUFFER = MAX_ATTRIBUTES * USUAL_ROOM };

/* FNV-1a, in words of 8 bytes: nobody here chooses objects so that they collide. */
static uint64_t mix(uint64_t hash, const void *data, size_t length)
{
    const unsigned char *next = data;
    for (; length >= 8; length -= 8, next += 8) {
        uint64_t word;
        memcpy(&word, next, 8);
        hash = (hash ^ word) * 0x9E3779B97F4A7C15u;
        hash ^= hash >> 29;
    }
    for (; length > 0; length--) {
        hash = (hash ^ *next++) * 0x100000001B3u;
    }
    return hash;
}

static bool is_identity(CK_ATTRIBUTE_TYPE type)
{
    return type == CKA_CLASS || type == CKA_KEY_TYPE || type == CKA_CERTIFICATE_TYPE || type == CKA_ID || type == CKA_LABEL;
}

static struct item hash_attributes(const CK_ATTRIBUTE *attributes, CK_ULONG count, CK_ULONG *class)
{
    struct item item = {.identity = 1, .fingerprint = 2};
    for (CK_ULONG i = 0; i < count; i++) {
        const CK_ATTRIBUTE *attribute = &attributes[i];
        if (attribute->ulValueLen == CK_UNAVAILABLE_INFORMATION || attribute->ulValueLen == 0) {
            continue;
        }
        CK_ULONG head[] = {attribute->type, attribute->ulValueLen};
        item.fingerprint = mix(mix(item.fingerprint, head, sizeof head), attribute->pValue, attribute->ulValueLen);
        if (is_identity(attribute->type)) {
            item.identity = mix(mix(item.identity, head, sizeof head), attribute->pValue, attribute->ulValueLen);
        }
        if (attribute->type == CKA_CLASS) {
            memcpy(class, attribute->pValue, sizeof *class);
        }
    }
    return item;
}

/* One call, where all values have room in it. */
static struct item read_item(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE handle, CK_BYTE *buffer, CK_ULONG *class)
{
    const struct attribute_list *list = list_for(USE_COMPARE, CK_UNAVAILABLE_INFORMATION, CK_UNAVAILABLE_INFORMATION);
    CK_ATTRIBUTE asked[MAX_ATTRIBUTES];
    CK_BYTE *next = buffer;
    for (CK_ULONG i = 0; i < list->count; i++) {
        CK_ULONG room = list->lengths[i] ? list->lengths[i] : USUAL_ROOM;
        asked[i] = (CK_ATTRIBUTE){list->types[i], next, room};
        next += room;
    }
    CK_RV rv = CALL(C_GetAttributeValue, session, handle, asked, list->count);
    if (rv == CKR_BUFFER_TOO_SMALL) {
        struct object object = read_object(session, handle);
        struct item item = hash_attributes(object.attributes, object.count, class);
        free_object(&object);
        return item;
    }
    check_read(rv);
    return hash_attributes(asked, list->count, class);
}

/* With the bytes of the wrapped key, where it may be wrapped: equal bytes are equal keys. */
static uint64_t add_key(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE kek, CK_OBJECT_HANDLE key, uint64_t hash)
{
    CK_BYTE wrapped[WRAP_BUFFER];
    CK_ULONG length = sizeof wrapped;
    CK_MECHANISM mechanism = {CKM_AES_KEY_WRAP_PAD, NULL, 0};
    CK_RV rv = CALL(C_WrapKey, session, &mechanism, kek, key, wrapped, &length);
    if (rv == CKR_KEY_UNEXTRACTABLE) {
        return hash;
    }
    check("C_WrapKey", rv);
    return mix(hash, wrapped, length);
}

static int by_identity(const void *one, const void *other)
{
    uint64_t a = ((const struct item *)one)->identity, b = ((const struct item *)other)->identity;
    return a < b ? -1 : a > b;
}

struct item *read_items(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE kek, size_t *count)
{
    static CK_BYTE buffer[BUFFER];
    CK_OBJECT_HANDLE *handles = find_objects(session, CK_TRUE, count);
    struct item *items = allocate(*count * sizeof *items);
    for (size_t i = 0; i < *count; i++) {
        CK_ULONG class = CK_UNAVAILABLE_INFORMATION;
        items[i] = read_item(session, handles[i], buffer, &class);
        items[i].handle = handles[i];
        if (kek != CK_INVALID_HANDLE && (class == CKO_SECRET_KEY || class == CKO_PRIVATE_KEY)) {
            items[i].fingerprint = add_key(session, kek, handles[i], items[i].fingerprint);
        }
    }
    free(handles);
    qsort(items, *count, sizeof *items, by_identity);
    return items;
}

/* What a node answers: its items in the order of their identities, its calls, its processor time. */
static void serve_drift(const struct node *node, int from, int to)
{
    size_t length, count;
    for (void *request; (request = receive_message(from, &length)) != NULL; free(request)) {
        memset(calls, 0, sizeof calls);
        double cpu = processor_time();
        start_library(NULL);
        CK_SESSION_HANDLE session = open_session(find_token(node->label), node->options->pin);
        struct item *items = read_items(session, node->options->deep ? import_kek(session) : CK_INVALID_HANDLE, &count);
        close_session(session);
        stop_library();
        cpu = processor_time() - cpu;
        send_message(to, items, count * sizeof *items);
        send_message(to, calls, sizeof calls);
        send_message(to, &cpu, sizeof cpu);
        free(items);
    }
}

/* What most nodes hold, 0 for nothing. Where as many lack an object as have it, they lack it. */
static uint64_t majority_of(const uint64_t *held, size_t nodes)
{
    uint64_t best = 0;
    size_t most = 0;
    for (size_t i = 0; i < nodes; i++) {
        size_t same = 0;
        for (size_t j = 0; j < nodes; j++) {
            same += held[i] == held[j];
        }
        if (same > most || (same == most && best == 0)) {
            most = same;
            best = held[i];
        }
    }
    return best;
}

/* Goes through the sorted lists side by side and calls `visit` for each object that is not the same everywhere. */
void compare_nodes(struct item *const *items, const size_t *counts, size_t nodes, void (*visit)(const struct mismatch *, void *), void *context)
{
    size_t next[MAX_NODES] = {0};
    for (;;) {
        uint64_t least = UINT64_MAX;
        struct mismatch found = {.nodes = nodes};
        for (size_t i = 0; i < nodes; i++) {
            if (next[i] < counts[i] && items[i][next[i]].identity < least) {
                least = items[i][next[i]].identity;
            }
        }
        if (least == UINT64_MAX) {
            return;
        }
        uint64_t held[MAX_NODES] = {0};
        bool same = true;
        for (size_t i = 0; i < nodes; i++) {
            if (next[i] < counts[i] && items[i][next[i]].identity == least) {
                found.items[i] = &items[i][next[i]++];
                held[i] = found.items[i]->fingerprint;
            }
            same = same && held[i] == held[0];
        }
        if (!same) {
            found.majority = majority_of(held, nodes);
            visit(&found, context);
        }
    }
}

struct drift {
    unsigned long missing, extra, different;
};

static void count_drift(const struct mismatch *found, void *context)
{
    struct drift *drift = context;
    for (size_t i = 0; i < found->nodes; i++) {
        if (found->items[i] == NULL) {
            drift[i].missing += found->majority != 0;
        } else if (found->items[i]->fingerprint != found->majority) {
            drift[i].extra += found->majority == 0;
            drift[i].different += found->majority != 0;
        }
    }
}

static void ask_nodes(const struct options *options, const struct node *nodes, struct item **items, size_t *counts, double *cpu)
{
    for (size_t i = 0; i < options->node_count; i++) {
        send_message(nodes[i].to, NULL, 0);
    }
    for (size_t i = 0; i < options->node_count; i++) {
        size_t length;
        items[i] = receive_message(nodes[i].from, &length);
        counts[i] = length / sizeof **items;
        unsigned long *made = items[i] == NULL ? NULL : receive_message(nodes[i].from, &length);
        double *used = made == NULL ? NULL : receive_message(nodes[i].from, &length);
        if (used == NULL) {
            fail("a node ended", CKR_OK);
        }
        for (int function = 0; function < FUNCTIONS; function++) {
            calls[function] += made[function];
        }
        *cpu += *used;
        free(made);
        free(used);
    }
}

void run_drift(const struct options *options)
{
    struct node nodes[MAX_NODES];
    start_nodes(options, nodes, serve_drift);
    for (unsigned long run = 1; is_wanted(options, run); run++) {
        struct item *items[MAX_NODES];
        size_t counts[MAX_NODES], objects = 0;
        struct drift drift[MAX_NODES] = {0};
        double cpu = 0;
        start_whole();
        start_core();
        ask_nodes(options, nodes, items, counts, &cpu);
        compare_nodes(items, counts, options->node_count, count_drift, drift);
        end_core();
        end_whole();
        add_processor_time(cpu);
        for (size_t i = 0; i < options->node_count; i++) {
            objects += counts[i];
            free(items[i]);
        }
        print_run("drift", run, objects, 0);
        for (size_t i = 0; i < options->node_count; i++) {
            printf("%lu missing, %lu extra, %lu different%s", drift[i].missing, drift[i].extra, drift[i].different,
                   i + 1 < options->node_count ? "; " : "\n");
        }
        fflush(stdout);
    }
}
