#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is used where no file names other lists. SoftHSM wants CKA_MODIFIABLE last in a template. */
static const char builtin[] =
    /* Everything that a key may have, and no dates, which SoftHSM cannot read on private objects. */
    "read * * 0/8 100/8 1/1 2/1 3:400 102:400 101:400 103/1 104/1 105/1 106/1 107/1 108/1 109/1 10a/1 10b/1 10c/1 120:400 121/8 122:400 "
    "161/8 162/1 163/1 164/1 165/1 166/8 171/1 172/1 180:400 181:400 202/1 210/1 170/1\n"
    "compare * * 0/8 100/8 80/8 1/1 2/1 3 102 101 103/1 104/1 105/1 106/1 107/1 108/1 109/1 10a/1 10b/1 10c/1 120 122 "
    "81 82 10 12 11 162/1 170/1 171/1 172/1 180 181 202/1 210/1\n"
    "unwrap 4 * 0 100 1 2 3 102 103 162 104 105 106 107 108 10a 10c 210 171 172 170\n"
    "unwrap 3 * 0 100 1 2 3 102 101 103 162 105 107 108 109 10c 202 210 171 172 170\n"
    "create 2 * 0 100 1 2 3 102 101 104 106 10a 10b 10c 120 122 180 181 171 172 170\n";

static struct attribute_list *lists;
static size_t list_count;

static CK_ULONG code(const char *word, char **end)
{
    if (strcmp(word, "*") == 0) {
        *end = (char *)word + 1;
        return CK_UNAVAILABLE_INFORMATION;
    }
    return strtoul(word, end, 16);
}

static CK_ULONG whole_code(const char *word)
{
    char *end;
    CK_ULONG value = code(word, &end);
    if (*end != '\0') {
        fail("an attribute list holds something that is no hexadecimal number", CKR_OK);
    }
    return value;
}

static bool parse_use(const char *word, enum use *use)
{
    static const char *const names[] = {
        [USE_READ] = "read", [USE_UNWRAP] = "unwrap", [USE_CREATE] = "create", [USE_COMPARE] = "compare",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(word, names[i]) == 0) {
            *use = (enum use)i;
            return true;
        }
    }
    return false;
}

/* A code, and behind a slash the length where it is fixed, behind a colon the room that is mostly enough. */
static void add_attribute(struct attribute_list *list, const char *word)
{
    if (list->count == MAX_ATTRIBUTES) {
        fail("an attribute list is too long", CKR_OK);
    }
    char *end;
    list->types[list->count] = code(word, &end);
    list->lengths[list->count] = *end == '/' ? whole_code(end + 1) : 0;
    list->rooms[list->count++] = *end == ':' ? whole_code(end + 1) : 0;
    if (*end != '\0' && *end != '/' && *end != ':') {
        whole_code(word);
    }
}

static void parse_line(char *line)
{
    char *rest = NULL;
    char *word = strtok_r(line, " \t\r\n", &rest);
    if (word == NULL || *word == '#') {
        return;
    }
    struct attribute_list list = {0};
    const char *class = strtok_r(NULL, " \t\r\n", &rest), *key_type = strtok_r(NULL, " \t\r\n", &rest);
    if (!parse_use(word, &list.use) || class == NULL || key_type == NULL) {
        fail("an attribute list must begin with its use, a class and a key type", CKR_OK);
    }
    list.class = whole_code(class);
    list.key_type = whole_code(key_type);
    while ((word = strtok_r(NULL, " \t\r\n", &rest)) != NULL) {
        add_attribute(&list, word);
    }
    lists = realloc(lists, (list_count + 1) * sizeof *lists);
    if (lists == NULL) {
        fail("out of memory", CKR_OK);
    }
    lists[list_count++] = list;
}

void load_lists(const char *path)
{
    FILE *file = path ? fopen(path, "r") : fmemopen((void *)builtin, sizeof builtin - 1, "r");
    if (file == NULL) {
        fail("the file of attribute lists cannot be read", CKR_OK);
    }
    char *line = NULL;
    size_t capacity = 0;
    while (getline(&line, &capacity, file) != -1) {
        parse_line(line);
    }
    free(line);
    fclose(file);
}

static bool covers(CK_ULONG listed, CK_ULONG value)
{
    return listed == CK_UNAVAILABLE_INFORMATION || listed == value;
}

/* The first list that fits. */
const struct attribute_list *list_for(enum use use, CK_ULONG class, CK_ULONG key_type)
{
    for (size_t i = 0; i < list_count; i++) {
        if (lists[i].use == use && covers(lists[i].class, class) && covers(lists[i].key_type, key_type)) {
            return &lists[i];
        }
    }
    fail("no list fits an object that was found", CKR_OK);
}
