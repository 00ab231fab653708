#include "bench.h"

#include <stdlib.h>
#include <string.h>

/* "It has no such attribute" and "it does not give it away" are answers, not errors. */
static void check_read(CK_RV rv)
{
    if (rv != CKR_ATTRIBUTE_SENSITIVE && rv != CKR_ATTRIBUTE_TYPE_INVALID) {
        check("C_GetAttributeValue", rv);
    }
}

/* Two calls: the first for the lengths, the second for the values of what the object has. */
void read_object(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE handle, const struct attribute_list *list, enum step step,
                 struct object *object)
{
    CK_ATTRIBUTE asked[MAX_ATTRIBUTES];
    for (CK_ULONG i = 0; i < list->count; i++) {
        asked[i] = (CK_ATTRIBUTE){list->types[i], NULL, 0};
    }
    check_read(TIMED(step, p11->C_GetAttributeValue(session, handle, asked, list->count)));

    size_t length = 0;
    *object = (struct object){.class = CK_UNAVAILABLE_INFORMATION, .key_type = CK_UNAVAILABLE_INFORMATION};
    for (CK_ULONG i = 0; i < list->count; i++) {
        if (asked[i].ulValueLen != CK_UNAVAILABLE_INFORMATION) {
            object->attributes[object->count++] = asked[i];
            length += asked[i].ulValueLen;
        }
    }
    object->values = allocate(length);
    CK_BYTE *value = object->values;
    for (CK_ULONG i = 0; i < object->count; i++) {
        object->attributes[i].pValue = value;
        value += object->attributes[i].ulValueLen;
    }
    check_read(TIMED(step, p11->C_GetAttributeValue(session, handle, object->attributes, object->count)));
}

static CK_ULONG number_of(const struct object *object, CK_ATTRIBUTE_TYPE type)
{
    CK_ULONG number = CK_UNAVAILABLE_INFORMATION;
    for (CK_ULONG i = 0; i < object->count; i++) {
        if (object->attributes[i].type == type && object->attributes[i].ulValueLen == sizeof number) {
            memcpy(&number, object->attributes[i].pValue, sizeof number);
        }
    }
    return number;
}

void free_object(struct object *object)
{
    free(object->values);
    free(object->blob);
}

bool is_wrapped(const struct object *object)
{
    return object->class == CKO_SECRET_KEY || object->class == CKO_PRIVATE_KEY;
}

static void add_object(struct objects *objects, const struct object *object)
{
    if (objects->count == objects->capacity) {
        objects->capacity = objects->capacity > 0 ? objects->capacity * 2 : 1024;
        objects->items = realloc(objects->items, objects->capacity * sizeof *objects->items);
        if (objects->items == NULL) {
            fail("out of memory", CKR_OK);
        }
    }
    objects->items[objects->count++] = *object;
    objects->keys += is_wrapped(object);
}

static void capture_object(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE kek, CK_OBJECT_HANDLE handle,
                           const struct attribute_list *list, struct objects *objects)
{
    struct object object;
    read_object(session, handle, list, READ, &object);
    object.class = number_of(&object, CKA_CLASS);
    object.key_type = number_of(&object, CKA_KEY_TYPE);
    if (is_wrapped(&object)) {
        CK_BYTE buffer[WRAP_BUFFER];
        object.blob_length = wrap_key(session, kek, handle, WRAP, buffer);
        object.blob = allocate(object.blob_length);
        memcpy(object.blob, buffer, object.blob_length);
    }
    add_object(objects, &object);
}

/* The handles of all token objects that a list is for, in one enumeration. */
static CK_OBJECT_HANDLE *find_objects(CK_SESSION_HANDLE session, const struct attribute_list *list, size_t *count)
{
    enum { BATCH = 1024 };
    CK_BBOOL yes = CK_TRUE;
    CK_ULONG class = list->class, key_type = list->key_type, terms = 1;
    CK_ATTRIBUTE template[3] = {{CKA_TOKEN, &yes, sizeof yes}};
    if (class != CK_UNAVAILABLE_INFORMATION) {
        template[terms++] = (CK_ATTRIBUTE){CKA_CLASS, &class, sizeof class};
    }
    if (key_type != CK_UNAVAILABLE_INFORMATION) {
        template[terms++] = (CK_ATTRIBUTE){CKA_KEY_TYPE, &key_type, sizeof key_type};
    }
    check("C_FindObjectsInit", TIMED(FIND, p11->C_FindObjectsInit(session, template, terms)));
    CK_OBJECT_HANDLE *handles = NULL;
    CK_ULONG got;
    *count = 0;
    do {
        handles = realloc(handles, (*count + BATCH) * sizeof *handles);
        if (handles == NULL) {
            fail("out of memory", CKR_OK);
        }
        check("C_FindObjects", TIMED(FIND, p11->C_FindObjects(session, handles + *count, BATCH, &got)));
        *count += got;
    } while (got > 0);
    check("C_FindObjectsFinal", TIMED(FIND, p11->C_FindObjectsFinal(session)));
    return handles;
}

struct objects capture_objects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE kek)
{
    struct objects objects = {0};
    const struct attribute_list *list = NULL;
    while ((list = next_list(USE_READ, list)) != NULL) {
        size_t count;
        CK_OBJECT_HANDLE *handles = find_objects(session, list, &count);
        for (size_t i = 0; i < count; i++) {
            capture_object(session, kek, handles[i], list, &objects);
        }
        free(handles);
    }
    return objects;
}

void free_objects(struct objects *objects)
{
    for (size_t i = 0; i < objects->count; i++) {
        free_object(&objects->items[i]);
    }
    free(objects->items);
    *objects = (struct objects){0};
}
