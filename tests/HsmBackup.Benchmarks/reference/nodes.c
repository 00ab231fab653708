/* A process for each node of a cluster: SoftHSM runs no faster in several threads of one. They live as long as the program, so that
 * their runs are warm, and each has the library for itself. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void write_all(int file, const void *data, size_t length)
{
    for (const char *next = data; length > 0;) {
        ssize_t written = write(file, next, length);
        if (written <= 0) {
            fail("a node cannot be written to", CKR_OK);
        }
        next += written;
        length -= (size_t)written;
    }
}

static bool read_all(int file, void *data, size_t length)
{
    for (char *next = data; length > 0;) {
        ssize_t got = read(file, next, length);
        if (got <= 0) {
            return false;
        }
        next += got;
        length -= (size_t)got;
    }
    return true;
}

void send_message(int file, const void *data, size_t length)
{
    write_all(file, &length, sizeof length);
    write_all(file, data, length);
}

/* The next message; null at the end. The caller frees it. */
void *receive_message(int file, size_t *length)
{
    if (!read_all(file, length, sizeof *length)) {
        return NULL;
    }
    void *data = allocate(*length);
    if (!read_all(file, data, *length)) {
        fail("a message of a node ends too early", CKR_OK);
    }
    return data;
}

static void start_node(struct node *node, struct node *earlier, size_t count, void (*serve)(const struct node *, int, int))
{
    int down[2], up[2];
    if (pipe(down) != 0 || pipe(up) != 0) {
        fail("no pipe to a node", CKR_OK);
    }
    pid_t process = fork();
    if (process < 0) {
        fail("no process for a node", CKR_OK);
    }
    if (process == 0) {
        close(down[1]);
        close(up[0]);
        /* The other nodes must see the end of their input when the parent ends. */
        for (size_t i = 0; i < count; i++) {
            close(earlier[i].to);
            close(earlier[i].from);
        }
        setenv("SOFTHSM2_CONF", node->configuration, 1);
        serve(node, down[0], up[1]);
        _exit(0);
    }
    close(down[0]);
    close(up[1]);
    node->to = down[1];
    node->from = up[0];
}

/* "LABEL=CONFIGURATION" for each node. */
void start_nodes(const struct options *options, struct node *nodes, void (*serve)(const struct node *, int, int))
{
    for (size_t i = 0; i < options->node_count; i++) {
        char *label = strdup(options->nodes[i]);
        char *configuration = label == NULL ? NULL : strchr(label, '=');
        if (configuration == NULL) {
            fail("a node must be given as LABEL=CONFIGURATION", CKR_OK);
        }
        *configuration = '\0';
        nodes[i] = (struct node){.label = label, .configuration = configuration + 1, .options = options};
        start_node(&nodes[i], nodes, i, serve);
    }
}
