#include "bench.h"

#include <stdlib.h>
#include <string.h>

enum { FIXED_SLOT = 8 };

/* "It has no such attribute" and "it does not give it away" are answers, not errors. */
static void check_read(CK_RV rv)
{
    if (rv != CKR_ATTRIBUTE_SENSITIVE && rv != CKR_ATTRIBUTE_TYPE_INVALID) {
        check("C_GetAttributeValue", rv);
    }
}

static bool is_there(const CK_ATTRIBUTE *attribute)
{
    return attribute->ulValueLen != CK_UNAVAILABLE_INFORMATION && attribute->ulValueLen > 0;
}

/* Values of variable length stand first, in the order of the list, then those of fixed length. */
static CK_ULONG place_values(struct object *object, const CK_ATTRIBUTE *asked, CK_ULONG count, bool is_fixed)
{
    CK_ULONG placed = 0;
    for (CK_ULONG i = 0; i < count; i++) {
        if (is_there(&asked[i]) && (asked[i].pValue != NULL) == is_fixed) {
            CK_ATTRIBUTE *attribute = &object->attributes[object->count++];
            *attribute = asked[i];
            attribute->pValue = object->values + object->length;
            if (is_fixed) {
                memcpy(attribute->pValue, asked[i].pValue, asked[i].ulValueLen);
            }
            object->length += asked[i].ulValueLen;
            placed++;
        }
    }
    return placed;
}

/* The first call brings values of known length and asks for the length of the others; the second brings those. */
static void read_attributes(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE handle, const struct attribute_list *list,
                            struct object *object)
{
    CK_ATTRIBUTE asked[MAX_ATTRIBUTES];
    CK_BYTE fixed[MAX_ATTRIBUTES * FIXED_SLOT];
    for (CK_ULONG i = 0; i < list->count; i++) {
        asked[i] = (CK_ATTRIBUTE){list->types[i], list->lengths[i] ? fixed + i * FIXED_SLOT : NULL, list->lengths[i]};
    }
    check_read(CALL(C_GetAttributeValue, session, handle, asked, list->count));
    size_t length = 0;
    for (CK_ULONG i = 0; i < list->count; i++) {
        length += is_there(&asked[i]) ? asked[i].ulValueLen : 0;
    }
    object->values = allocate(length);
    CK_ULONG pending = place_values(object, asked, list->count, false);
    place_values(object, asked, list->count, true);
    if (pending > 0) {
        check_read(CALL(C_GetAttributeValue, session, handle, object->attributes, pending));
    }
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

struct object read_object(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE handle)
{
    struct object object = {0};
    read_attributes(session, handle, list_for(USE_READ, CK_UNAVAILABLE_INFORMATION, CK_UNAVAILABLE_INFORMATION), &object);
    object.class = number_of(&object, CKA_CLASS);
    object.key_type = number_of(&object, CKA_KEY_TYPE);
    return object;
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

static void capture_object(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE kek, CK_OBJECT_HANDLE handle, struct objects *objects)
{
    struct object object = read_object(session, handle);
    if (is_wrapped(&object)) {
        CK_BYTE buffer[WRAP_BUFFER];
        object.blob_length = wrap_key(session, kek, handle, buffer);
        object.blob = allocate(object.blob_length);
        memcpy(object.blob, buffer, object.blob_length);
    }
    add_object(objects, &object);
}

/* The handles of all token objects, or of all session objects, in one enumeration. */
CK_OBJECT_HANDLE *find_objects(CK_SESSION_HANDLE session, CK_BBOOL on_token, size_t *count)
{
    CK_ATTRIBUTE template = {CKA_TOKEN, &on_token, sizeof on_token};
    check("C_FindObjectsInit", CALL(C_FindObjectsInit, session, &template, 1));
    CK_OBJECT_HANDLE *handles = NULL;
    CK_ULONG got;
    *count = 0;
    do {
        handles = realloc(handles, (*count + FIND_BATCH) * sizeof *handles);
        if (handles == NULL) {
            fail("out of memory", CKR_OK);
        }
        check("C_FindObjects", CALL(C_FindObjects, session, handles + *count, FIND_BATCH, &got));
        *count += got;
    } while (got > 0);
    check("C_FindObjectsFinal", CALL(C_FindObjectsFinal, session));
    return handles;
}

/* Everything that is there, and then one look for what came meanwhile. */
struct objects capture_objects(CK_SLOT_ID slot, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE kek)
{
    struct objects objects = {0};
    size_t count, again;
    CK_OBJECT_HANDLE *handles = find_objects(session, CK_TRUE, &count);
    check_present(slot);
    for (size_t i = 0; i < count; i++) {
        capture_object(session, kek, handles[i], &objects);
    }
    free(handles);
    free(find_objects(session, CK_TRUE, &again));
    check_present(slot);
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
