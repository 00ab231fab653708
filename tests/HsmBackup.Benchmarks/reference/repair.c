/* Brings every key that a node lacks to it, wrapped, from a node that has it, and proves it there: by the fewest calls that this takes. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DELETED = 500, FIRST_DELETED = 300 };

struct text {
    CK_BYTE *bytes;
    size_t length, capacity;
};

static void append(struct text *text, const void *data, size_t length)
{
    while (text->length + length > text->capacity) {
        text->capacity = text->capacity > 0 ? text->capacity * 2 : 64 * 1024;
        text->bytes = realloc(text->bytes, text->capacity);
        if (text->bytes == NULL) {
            fail("out of memory", CKR_OK);
        }
    }
    memcpy(text->bytes + text->length, data, length);
    text->length += length;
}

static const CK_BYTE *take(const CK_BYTE *from, void *to, size_t length)
{
    memcpy(to, from, length);
    return from + length;
}

/* --- In the process of a node --------------------------------------------------------------------------------------- */

/* Before each run: keys of its own are taken from the node. */
static void delete_keys(CK_SESSION_HANDLE session, size_t node)
{
    size_t count;
    CK_OBJECT_HANDLE *handles = find_objects(session, CK_TRUE, &count);
    for (size_t i = 0; i < count; i++) {
        char label[64];
        CK_ULONG class = 0;
        CK_ATTRIBUTE asked[] = {{CKA_CLASS, &class, sizeof class}, {CKA_LABEL, label, sizeof label - 1}};
        check("C_GetAttributeValue", p11->C_GetAttributeValue(session, handles[i], asked, 2));
        label[asked[1].ulValueLen] = '\0';
        unsigned long number;
        if (class == CKO_SECRET_KEY && sscanf(label, "aes-%lu", &number) == 1 && number >= FIRST_DELETED + node * DELETED
            && number < FIRST_DELETED + (node + 1) * DELETED) {
            check("C_DestroyObject", p11->C_DestroyObject(session, handles[i]));
        }
    }
    free(handles);
}

/* One key as it travels: class, key type, its attributes, the wrapped key. */
static void export_key(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE kek, CK_OBJECT_HANDLE key, struct text *text)
{
    CK_BYTE wrapped[WRAP_BUFFER];
    struct object object = read_object(session, key);
    CK_ULONG length = wrap_key(session, kek, key, wrapped);
    CK_ULONG head[] = {object.class, object.key_type, object.count, length};
    append(text, head, sizeof head);
    for (CK_ULONG i = 0; i < object.count; i++) {
        CK_ULONG attribute[] = {object.attributes[i].type, object.attributes[i].ulValueLen};
        append(text, attribute, sizeof attribute);
        append(text, object.attributes[i].pValue, object.attributes[i].ulValueLen);
    }
    append(text, wrapped, length);
    free_object(&object);
}

/* Adds and proves it. What it points to stands in the message. */
static const CK_BYTE *import_key(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE kek, const CK_BYTE *from)
{
    CK_ULONG head[4];
    struct object object = {0};
    from = take(from, head, sizeof head);
    object.class = head[0];
    object.key_type = head[1];
    object.count = head[2];
    object.blob_length = head[3];
    for (CK_ULONG i = 0; i < object.count; i++) {
        CK_ULONG attribute[2];
        from = take(from, attribute, sizeof attribute);
        object.attributes[i] = (CK_ATTRIBUTE){attribute[0], (void *)from, attribute[1]};
        from += attribute[1];
    }
    object.blob = (CK_BYTE *)from;
    prove(session, kek, make_object(session, kek, &object, CK_TRUE), &object);
    return from + object.blob_length;
}

static void export_keys(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE kek, const CK_OBJECT_HANDLE *wanted, size_t count, int to)
{
    struct text text = {0};
    /* For each key, how long it is stands before it, so that the parent can share the keys out unread. */
    for (size_t i = 0; i < count; i++) {
        size_t place = text.length, length = 0;
        append(&text, &length, sizeof length);
        export_key(session, kek, wanted[i], &text);
        length = text.length - place - sizeof length;
        memcpy(text.bytes + place, &length, sizeof length);
    }
    send_message(to, text.bytes, text.length);
    free(text.bytes);
}

static void repair_node(const struct node *node, int from, int to)
{
    size_t length, count, asked;
    start_library(NULL);
    CK_SESSION_HANDLE session = open_session(find_token(node->label), node->options->pin);
    CK_OBJECT_HANDLE kek = import_kek(session);
    struct item *items = read_items(session, CK_INVALID_HANDLE, &count);
    send_message(to, items, count * sizeof *items);
    CK_OBJECT_HANDLE *wanted = receive_message(from, &asked);
    export_keys(session, kek, wanted, asked / sizeof *wanted, to);
    CK_BYTE *keys = receive_message(from, &length);
    size_t added = 0;
    for (const CK_BYTE *next = keys; next < keys + length; added++) {
        next = import_key(session, kek, next);
    }
    close_session(session);
    stop_library();
    send_message(to, &added, sizeof added);
    free(items);
    free(wanted);
    free(keys);
}

/* A message of a number prepares the node of that number; an empty one is a run. */
static void serve_repair(const struct node *node, int from, int to)
{
    size_t length;
    for (size_t *request; (request = receive_message(from, &length)) != NULL; free(request)) {
        memset(calls, 0, sizeof calls);
        double cpu = processor_time();
        if (length > 0) {
            start_library(NULL);
            CK_SESSION_HANDLE session = open_session(find_token(node->label), node->options->pin);
            delete_keys(session, *request);
            close_session(session);
            stop_library();
        } else {
            repair_node(node, from, to);
        }
        cpu = processor_time() - cpu;
        send_message(to, calls, sizeof calls);
        send_message(to, &cpu, sizeof cpu);
    }
}

/* --- In the parent -------------------------------------------------------------------------------------------------- */

struct plan {
    /* What each source is asked for, and for which node. */
    struct text handles[MAX_NODES], targets[MAX_NODES];
};

static void plan_repair(const struct mismatch *found, void *context)
{
    struct plan *plan = context;
    for (size_t target = 0; target < found->nodes && found->majority != 0; target++) {
        for (size_t i = 1; i < found->nodes && found->items[target] == NULL; i++) {
            size_t source = (target + i) % found->nodes;
            if (found->items[source] != NULL && found->items[source]->fingerprint == found->majority) {
                append(&plan->handles[source], &found->items[source]->handle, sizeof found->items[source]->handle);
                append(&plan->targets[source], &target, sizeof target);
                break;
            }
        }
    }
}

/* Shares out what one source has wrapped. */
static void share_out(const CK_BYTE *keys, const struct text *targets, struct text *inbound)
{
    for (size_t i = 0; i < targets->length / sizeof(size_t); i++) {
        size_t target, length;
        take(targets->bytes + i * sizeof target, &target, sizeof target);
        keys = take(keys, &length, sizeof length);
        append(&inbound[target], keys, length);
        keys += length;
    }
}

static void finish(const struct node *node, double *cpu)
{
    size_t length;
    unsigned long *made = receive_message(node->from, &length);
    double *used = made == NULL ? NULL : receive_message(node->from, &length);
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

static void prepare_nodes(const struct node *nodes, size_t count)
{
    double ignored = 0;
    for (size_t i = 0; i < count; i++) {
        send_message(nodes[i].to, &i, sizeof i);
    }
    for (size_t i = 0; i < count; i++) {
        finish(&nodes[i], &ignored);
    }
}

static void repair_nodes(const struct node *nodes, size_t count, size_t *added, double *cpu)
{
    struct item *items[MAX_NODES];
    size_t counts[MAX_NODES], length;
    struct plan plan = {0};
    struct text inbound[MAX_NODES] = {0};
    for (size_t i = 0; i < count; i++) {
        send_message(nodes[i].to, NULL, 0);
    }
    for (size_t i = 0; i < count; i++) {
        items[i] = receive_message(nodes[i].from, &length);
        counts[i] = length / sizeof **items;
    }
    compare_nodes(items, counts, count, plan_repair, &plan);
    for (size_t i = 0; i < count; i++) {
        send_message(nodes[i].to, plan.handles[i].bytes, plan.handles[i].length);
    }
    for (size_t i = 0; i < count; i++) {
        CK_BYTE *keys = receive_message(nodes[i].from, &length);
        share_out(keys, &plan.targets[i], inbound);
        free(keys);
    }
    for (size_t i = 0; i < count; i++) {
        send_message(nodes[i].to, inbound[i].bytes, inbound[i].length);
    }
    for (size_t i = 0; i < count; i++) {
        size_t *here = receive_message(nodes[i].from, &length);
        added[i] = *here;
        finish(&nodes[i], cpu);
        free(here);
        free(items[i]);
        free(inbound[i].bytes);
        free(plan.handles[i].bytes);
        free(plan.targets[i].bytes);
    }
}

void run_repair(const struct options *options)
{
    struct node nodes[MAX_NODES];
    start_nodes(options, nodes, serve_repair);
    for (unsigned long run = 1; is_wanted(options, run); run++) {
        size_t added[MAX_NODES] = {0}, all = 0;
        double cpu = 0;
        prepare_nodes(nodes, options->node_count);
        if (options->prepare_only) {
            puts("prepared");
            fflush(stdout);
            continue;
        }
        start_whole();
        start_core();
        repair_nodes(nodes, options->node_count, added, &cpu);
        end_core();
        end_whole();
        add_processor_time(cpu);
        for (size_t i = 0; i < options->node_count; i++) {
            all += added[i];
        }
        print_run("repair", run, all, all);
        for (size_t i = 0; i < options->node_count; i++) {
            printf("%zu added%s", added[i], i + 1 < options->node_count ? "; " : "\n");
        }
        fflush(stdout);
    }
}
