/* Makes the PKCS#11 calls of a backup or a restore and prints how long they took, one line of JSON for each run. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

static void run_populate(const struct options *options)
{
    CK_SLOT_ID slot = find_or_make_token(options->label, options->so_pin, options->pin);
    start_run();
    CK_SESSION_HANDLE session = open_session(slot, options->pin);
    populate(session, options);
    print_run("populate", 1, options->aes + 2 * (options->ec + options->rsa), options->aes + options->ec + options->rsa);
    close_session(session);
}

static struct objects capture(CK_SLOT_ID slot, const struct options *options, unsigned long run)
{
    start_run();
    CK_SESSION_HANDLE session = open_session(slot, options->pin);
    struct objects objects = capture_objects(session, import_kek(session));
    if (run > 0) {
        print_run("capture", run, objects.count, objects.keys);
    }
    close_session(session);
    return objects;
}

static void run_capture(const struct options *options)
{
    CK_SLOT_ID slot = find_token(options->label);
    for (unsigned long run = 1; run <= options->repeat; run++) {
        struct objects objects = capture(slot, options, run);
        free_objects(&objects);
    }
}

static void run_restore(const struct options *options)
{
    struct objects objects = capture(find_token(options->label), options, 0);
    if (options->target_conf != NULL) {
        /* SoftHSM reads the variable at each initialisation: now only the target is there, as in a real recovery. */
        check("C_Finalize", p11->C_Finalize(NULL));
        setenv("SOFTHSM2_CONF", options->target_conf, 1);
        check("C_Initialize", p11->C_Initialize(NULL));
    }
    CK_SLOT_ID slot = find_or_make_token(options->target_label, options->so_pin, options->pin);
    for (unsigned long run = 1; run <= options->repeat; run++) {
        make_token(slot, options->target_label, options->so_pin, options->pin);
        start_run();
        CK_SESSION_HANDLE session = open_session(slot, options->pin);
        restore_objects(session, import_kek(session), &objects, options);
        print_run("restore", run, objects.count, objects.keys);
        close_session(session);
    }
    free_objects(&objects);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(const struct options *);
    } phases[] = {{"populate", run_populate}, {"capture", run_capture}, {"restore", run_restore}};
    struct options options = parse_options(argc, argv);
    for (size_t i = 0; i < sizeof phases / sizeof *phases; i++) {
        if (strcmp(options.phase, phases[i].name) == 0) {
            load_lists(options.attributes);
            load_library(options.library);
            check("C_Initialize", p11->C_Initialize(NULL));
            phases[i].run(&options);
            check("C_Finalize", p11->C_Finalize(NULL));
            return 0;
        }
    }
    fail("--phase must be populate, capture or restore", CKR_OK);
}
