/* Makes the PKCS#11 calls of a backup or a restore and prints how long they took, one line of JSON for each run. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void run_populate(const struct options *options)
{
    start_library(NULL);
    CK_SLOT_ID slot = find_or_make_token(options->label, options->so_pin, options->pin);
    start_whole();
    CK_SESSION_HANDLE session = open_session(slot, options->pin);
    start_core();
    populate(session, options);
    end_core();
    end_whole();
    print_run("populate", 1, options->aes + 2 * (options->ec + options->rsa), options->aes + options->ec + options->rsa);
    close_session(session);
    stop_library();
}

/* One backup, from the start of the library to its end. */
static struct objects capture(const struct options *options)
{
    start_whole();
    start_library(NULL);
    CK_SLOT_ID slot = find_token(options->label);
    CK_SESSION_HANDLE session = open_session(slot, options->pin);
    CK_OBJECT_HANDLE kek = import_kek(session);
    start_core();
    struct objects objects = capture_objects(slot, session, kek);
    end_core();
    close_session(session);
    stop_library();
    end_whole();
    return objects;
}

/* One restore to a blank token, from the start of the library to its end. */
static void restore(const struct options *options, const struct objects *objects)
{
    start_library(options->target_conf);
    make_token(find_or_make_token(options->target_label, options->so_pin, options->pin), options->target_label, options->so_pin,
               options->pin);
    stop_library();

    start_whole();
    start_library(options->target_conf);
    CK_SLOT_ID slot = find_token(options->target_label);
    CK_SESSION_HANDLE session = open_session(slot, options->pin);
    CK_OBJECT_HANDLE kek = import_kek(session);
    size_t found;
    free(find_objects(session, CK_TRUE, &found));
    check_present(slot);
    start_core();
    restore_objects(slot, session, kek, objects);
    end_core();
    close_session(session);
    stop_library();
    end_whole();
}

/* So that two programs can take turns: with --on-request a run waits for a line on standard input. */
bool is_wanted(const struct options *options, unsigned long run)
{
    char line[16];
    return options->on_request ? fgets(line, sizeof line, stdin) != NULL : run <= options->repeat;
}

static void run_capture(const struct options *options)
{
    for (unsigned long run = 1; is_wanted(options, run); run++) {
        struct objects objects = capture(options);
        print_run("capture", run, objects.count, objects.keys);
        free_objects(&objects);
    }
}

static void run_restore(const struct options *options)
{
    struct objects objects = capture(options);
    for (unsigned long run = 1; is_wanted(options, run); run++) {
        restore(options, &objects);
        print_run("restore", run, objects.count, objects.keys);
    }
    free_objects(&objects);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(const struct options *);
    } phases[] = {{"populate", run_populate}, {"capture", run_capture}, {"restore", run_restore}, {"drift", run_drift}, {"repair", run_repair}};
    struct options options = parse_options(argc, argv);
    for (size_t i = 0; i < sizeof phases / sizeof *phases; i++) {
        if (strcmp(options.phase, phases[i].name) == 0) {
            load_lists(options.attributes);
            load_library(options.library);
            phases[i].run(&options);
            return 0;
        }
    }
    fail("--phase must be populate, capture, restore, drift or repair", CKR_OK);
}
