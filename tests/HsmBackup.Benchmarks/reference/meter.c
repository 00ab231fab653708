#include "bench.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

struct moment {
    double wall_ms, cpu_ms;
};

unsigned long calls[FUNCTIONS];
static unsigned long core_calls[FUNCTIONS];
static struct moment whole, core;

static double read_clock(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static struct moment now(void)
{
    return (struct moment){read_clock(CLOCK_MONOTONIC), read_clock(CLOCK_PROCESS_CPUTIME_ID)};
}

static void end(struct moment *since)
{
    struct moment until = now();
    *since = (struct moment){until.wall_ms - since->wall_ms, until.cpu_ms - since->cpu_ms};
}

double processor_time(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

/* What other processes have used for this run. */
void add_processor_time(double milliseconds)
{
    whole.cpu_ms += milliseconds;
    core.cpu_ms += milliseconds;
}

void start_whole(void)
{
    whole = now();
}

void start_core(void)
{
    memset(calls, 0, sizeof calls);
    core = now();
}

void end_core(void)
{
    end(&core);
    memcpy(core_calls, calls, sizeof calls);
}

void end_whole(void)
{
    end(&whole);
}

void print_run(const char *phase, unsigned long run, size_t objects, size_t keys)
{
#define NAME_ENTRY(name) #name,
    static const char *const names[FUNCTIONS] = {COUNTED_FUNCTIONS(NAME_ENTRY)};
    printf("{\"phase\":\"%s\",\"run\":%lu,\"objects\":%zu,\"keys\":%zu,", phase, run, objects, keys);
    printf("\"core\":{\"ms\":%.3f,\"cpuMs\":%.3f},", core.wall_ms, core.cpu_ms);
    printf("\"whole\":{\"ms\":%.3f,\"cpuMs\":%.3f},\"coreCalls\":{", whole.wall_ms, whole.cpu_ms);
    const char *separator = "";
    for (int function = 0; function < FUNCTIONS; function++) {
        printf("%s\"%s\":%lu", separator, names[function], core_calls[function]);
        separator = ",";
    }
    puts("}}");
    fflush(stdout);
}
