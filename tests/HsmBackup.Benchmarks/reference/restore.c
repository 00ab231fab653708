#include "bench.h"

#include <stdlib.h>
#include <string.h>

/* The captured values of the listed attributes, in the order of the list, for a token or a session object. */
static CK_ULONG make_template(const struct object *object, enum use use, CK_BBOOL *is_token, CK_ATTRIBUTE *template)
{
    const struct attribute_list *list = list_for(use, object->class, object->key_type);
    CK_ULONG count = 0;
    for (CK_ULONG i = 0; i < list->count; i++) {
        for (CK_ULONG j = 0; j < object->count; j++) {
            if (object->attributes[j].type == list->types[i]) {
                template[count] = object->attributes[j];
                if (template[count].type == CKA_TOKEN) {
                    template[count].pValue = is_token;
                }
                count++;
            }
        }
    }
    return count;
}

CK_OBJECT_HANDLE make_object(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE kek, const struct object *object, CK_BBOOL is_token)
{
    CK_ATTRIBUTE template[MAX_ATTRIBUTES];
    CK_OBJECT_HANDLE handle;
    if (!is_wrapped(object)) {
        CK_ULONG count = make_template(object, USE_CREATE, &is_token, template);
        check("C_CreateObject", CALL(C_CreateObject, session, template, count, &handle));
        return handle;
    }
    CK_MECHANISM mechanism = {CKM_AES_KEY_WRAP_PAD, NULL, 0};
    CK_ULONG count = make_template(object, USE_UNWRAP, &is_token, template);
    check("C_UnwrapKey", CALL(C_UnwrapKey, session, &mechanism, kek, object->blob, object->blob_length, template, count, &handle));
    return handle;
}

/* Wrapping with padding is deterministic: the same key under the same key-encryption key gives the same bytes. */
void prove(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE kek, CK_OBJECT_HANDLE key, const struct object *object)
{
    CK_BYTE buffer[WRAP_BUFFER];
    CK_ULONG length = wrap_key(session, kek, key, buffer);
    if (length != object->blob_length || memcmp(buffer, object->blob, length) != 0) {
        fail("a restored key is not the key that was captured", CKR_OK);
    }
}

/* What the token refuses it refuses here, as a session object, where nothing is at stake. */
static void try_object(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE kek, const struct object *object)
{
    CK_OBJECT_HANDLE trial = make_object(session, kek, object, CK_FALSE);
    check("C_DestroyObject", CALL(C_DestroyObject, session, trial));
}

static void add_object(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE kek, const struct object *object)
{
    CK_OBJECT_HANDLE handle = make_object(session, kek, object, CK_TRUE);
    if (is_wrapped(object)) {
        prove(session, kek, handle, object);
    }
    struct object written = read_object(session, handle);
    free_object(&written);
}

/* A look at whether the token is still as it was, a trial of everything, then the restore itself. */
void restore_objects(CK_SLOT_ID slot, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE kek, const struct objects *objects)
{
    size_t count;
    free(find_objects(session, CK_TRUE, &count));
    check_present(slot);
    free(find_objects(session, CK_FALSE, &count));
    for (size_t i = 0; i < objects->count; i++) {
        try_object(session, kek, &objects->items[i]);
    }
    for (size_t i = 0; i < objects->count; i++) {
        add_object(session, kek, &objects->items[i]);
    }
    /* The last word has the token: everything is read and wrapped once more. */
    CK_OBJECT_HANDLE *handles = find_objects(session, CK_TRUE, &count);
    check_present(slot);
    if (count != objects->count) {
        fail("the target token holds another number of objects than the source", CKR_OK);
    }
    for (size_t i = 0; i < count; i++) {
        CK_BYTE buffer[WRAP_BUFFER];
        struct object object = read_object(session, handles[i]);
        if (is_wrapped(&object)) {
            wrap_key(session, kek, handles[i], buffer);
        }
        free_object(&object);
    }
    check_present(slot);
    free(handles);
}
