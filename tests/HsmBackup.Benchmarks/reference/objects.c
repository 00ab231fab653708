#include "bench.h"

#include <stdlib.h>
#include <string.h>

enum { BUFFER = 64 * 1024 };

/* "It has no such attribute" and "it does not give it away" are answers, not errors. */
void check_read(CK_RV rv)
{
    if (rv != CKR_ATTRIBUTE_SENSITIVE && rv != CKR_ATTRIBUTE_TYPE_INVALID) {
        check("C_GetAttributeValue", rv);
    }
}

static bool is_there(const CK_ATTRIBUTE *attribute)
{
    return attribute->ulValueLen != CK_UNAVAILABLE_INFORMATION && attribute->ulValueLen > 0;
}

/* Values that are still to come stand first, in the order of the list, then those that are known. */
static CK_ULONG place_values(struct object *object, const CK_ATTRIBUTE *asked, CK_ULONG count, bool is_known)
{
    CK_ULONG placed = 0;
    for (CK_ULONG i = 0; i < count; i++) {
        if (is_there(&asked[i]) && (asked[i].pValue != NULL) == is_known) {
            CK_ATTRIBUTE *attribute = &object->attributes[object->count++];
            *attribute = asked[i];
            attribute->pValue = object->values + object->length;
            if (is_known) {
                memcpy(attribute->pValue, asked[i].pValue, asked[i].ulValueLen);
            }
            object->length += asked[i].ulValueLen;
            placed++;
        }
    }
    return placed;
}

static CK_RV ask(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE handle, const struct attribute_list *list, bool has_room, CK_ATTRIBUTE *asked)
{
    static CK_BYTE buffer[BUFFER];
    CK_BYTE *next = buffer;
    for (CK_ULONG i = 0; i < list->count; i++) {
        CK_ULONG room = list->lengths[i] > 0 || !has_room ? list->lengths[i] : list->rooms[i];
        if (next + room > buffer + sizeof buffer) {
            fail("an attribute list wants too much room", CKR_OK);
        }
        asked[i] = (CK_ATTRIBUTE){list->types[i], room > 0 ? next : NULL, room};
        next += (room + 7) & ~(CK_ULONG)7;
    }
    return CALL(C_GetAttributeValue, session, handle, asked, list->count);
}

/* What did not come although it had room is not there, or too long for it; which of the two, only its length tells. */
static CK_ULONG place_unsure(const struct attribute_list *list, const CK_ATTRIBUTE *asked, CK_ATTRIBUTE *again)
{
    CK_ULONG count = 0;
    for (CK_ULONG i = 0; i < list->count; i++) {
        if (list->rooms[i] > 0 && asked[i].pValue != NULL && asked[i].ulValueLen == CK_UNAVAILABLE_INFORMATION) {
            again[count++] = (CK_ATTRIBUTE){asked[i].type, NULL, 0};
        }
    }
    return count;
}

/* The first call brings values that have room and asks for the length of the others; the second brings those. */
static void read_attributes(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE handle, const struct attribute_list *list,
                            struct object *object)
{
    CK_ATTRIBUTE asked[MAX_ATTRIBUTES];
    CK_RV rv = ask(session, handle, list, true, asked);
    if (rv == CKR_BUFFER_TOO_SMALL) {
        rv = ask(session, handle, list, false, asked);
    }
    check_read(rv);
    size_t length = 0;
    for (CK_ULONG i = 0; i < list->count; i++) {
        length += is_there(&asked[i]) ? asked[i].ulValueLen : 0;
    }
    object->values = allocate(length);
    CK_ULONG pending = place_values(object, asked, list->count, false);
    CK_ATTRIBUTE again[MAX_ATTRIBUTES];
    memcpy(again, object->attributes, pending * sizeof *again);
    CK_ULONG unsure = place_unsure(list, asked, again + pending);
    place_values(object, asked, list->count, true);
    if (pending + unsure > 0) {
        check_read(CALL(C_GetAttributeValue, session, handle, again, pending + unsure));
    }
    for (CK_ULONG i = pending; i < pending + unsure; i++) {
        if (again[i].ulValueLen != CK_UNAVAILABLE_INFORMATION) {
            fail("an object of the benchmark has a value that is too long for it", CKR_OK);
        }
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
