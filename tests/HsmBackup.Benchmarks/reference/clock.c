#include "bench.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static struct {
    double ms;
    unsigned long calls;
} steps[STEPS];
static double run_started_ms;

double now_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

void start_run(void)
{
    memset(steps, 0, sizeof steps);
    run_started_ms = now_ms();
}

void count_call(enum step step, double started_ms)
{
    steps[step].ms += now_ms() - started_ms;
    steps[step].calls++;
}

void print_run(const char *phase, unsigned long run, size_t objects, size_t keys)
{
    static const char *const names[STEPS] = {
        [LOGIN] = "login", [IMPORT] = "import", [FIND] = "find", [READ] = "read", [WRAP] = "wrap",
        [TRIAL] = "trial", [UNWRAP] = "unwrap", [CREATE] = "create", [READ_BACK] = "readBack", [PROVE] = "prove",
    };
    double total_ms = now_ms() - run_started_ms;
    printf("{\"phase\":\"%s\",\"run\":%lu,\"objects\":%zu,\"keys\":%zu,\"totalMs\":%.3f,\"steps\":{",
           phase, run, objects, keys, total_ms);
    const char *separator = "";
    for (int step = 0; step < STEPS; step++) {
        if (steps[step].calls > 0) {
            printf("%s\"%s\":{\"calls\":%lu,\"ms\":%.3f}", separator, names[step], steps[step].calls, steps[step].ms);
            separator = ",";
        }
    }
    puts("}}");
    fflush(stdout);
}
