#include "bench.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void usage(void)
{
    fputs("pkcs11bench --library FILE --phase populate|capture|restore|drift|repair --label NAME --pin PIN\n"
          "  --so-pin PIN          makes the token where there is none of that name (populate, restore)\n"
          "  --aes N --ec N --rsa N   keys to populate with: AES-256, pairs of P-256, pairs of RSA-2048\n"
          "  --attributes FILE     lines of: read|unwrap|create|compare CLASS KEYTYPE ATTRIBUTE[/LENGTH]...\n"
          "                        (hexadecimal, * for any)\n"
          "  --repeat N            runs of capture or restore in this process\n"
          "  --on-request          instead of --repeat: a run for each line on standard input\n"
          "  --target-label NAME   the token to restore to; it is made anew for each run\n"
          "  --target-conf FILE    the SOFTHSM2_CONF under which the target token lives\n"
          "  --node LABEL=FILE     a node of the cluster, with its SOFTHSM2_CONF; as often as there are nodes (drift, repair)\n"
          "  --prepare-only        takes the keys away that are to be repaired, and leaves it at that (repair)\n"
          "  --deep                compares keys too, by wrapping each\n",
          stderr);
    exit(2);
}

static unsigned long number(const char *text)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*text == '\0' || *end != '\0') {
        usage();
    }
    return value;
}

struct options parse_options(int argc, char **argv)
{
    enum { LIBRARY = 1, PHASE, LABEL, PIN, SO_PIN, ATTRIBUTES, AES, EC, RSA, REPEAT, TARGET_LABEL, TARGET_CONF, ON_REQUEST, NODE, DEEP, PREPARE_ONLY };
    static const struct option known[] = {
        {"library", required_argument, NULL, LIBRARY}, {"phase", required_argument, NULL, PHASE},
        {"label", required_argument, NULL, LABEL}, {"pin", required_argument, NULL, PIN},
        {"so-pin", required_argument, NULL, SO_PIN}, {"attributes", required_argument, NULL, ATTRIBUTES},
        {"aes", required_argument, NULL, AES}, {"ec", required_argument, NULL, EC}, {"rsa", required_argument, NULL, RSA},
        {"repeat", required_argument, NULL, REPEAT}, {"target-label", required_argument, NULL, TARGET_LABEL},
        {"target-conf", required_argument, NULL, TARGET_CONF}, {"on-request", no_argument, NULL, ON_REQUEST},
        {"node", required_argument, NULL, NODE}, {"deep", no_argument, NULL, DEEP},
        {"prepare-only", no_argument, NULL, PREPARE_ONLY}, {NULL, 0, NULL, 0},
    };
    struct options options = {.aes = 1000, .ec = 500, .rsa = 100, .repeat = 1};
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (option) {
        case LIBRARY: options.library = optarg; break;
        case PHASE: options.phase = optarg; break;
        case LABEL: options.label = optarg; break;
        case PIN: options.pin = optarg; break;
        case SO_PIN: options.so_pin = optarg; break;
        case ATTRIBUTES: options.attributes = optarg; break;
        case AES: options.aes = number(optarg); break;
        case EC: options.ec = number(optarg); break;
        case RSA: options.rsa = number(optarg); break;
        case REPEAT: options.repeat = number(optarg); break;
        case TARGET_LABEL: options.target_label = optarg; break;
        case TARGET_CONF: options.target_conf = optarg; break;
        case ON_REQUEST: options.on_request = true; break;
        case DEEP: options.deep = true; break;
        case PREPARE_ONLY: options.prepare_only = true; break;
        case NODE:
            if (options.node_count == MAX_NODES) {
                usage();
            }
            options.nodes[options.node_count++] = optarg;
            break;
        default: usage();
        }
    }
    bool has_nodes = options.phase && (strcmp(options.phase, "drift") == 0 || strcmp(options.phase, "repair") == 0);
    if (optind != argc || !options.library || !options.phase || !options.pin || (has_nodes ? options.node_count < 2 : !options.label)) {
        usage();
    }
    if (strcmp(options.phase, "restore") == 0 && (!options.target_label || !options.target_conf || !options.so_pin)) {
        usage();
    }
    return options;
}
