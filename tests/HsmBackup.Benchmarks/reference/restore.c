#include "bench.h"

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

static CK_OBJECT_HANDLE unwrap(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE kek, const struct object *object, CK_BBOOL is_token,
                               enum step step)
{
    CK_MECHANISM mechanism = {CKM_AES_KEY_WRAP_PAD, NULL, 0};
    CK_ATTRIBUTE template[MAX_ATTRIBUTES];
    CK_ULONG count = make_template(object, USE_UNWRAP, &is_token, template);
    CK_OBJECT_HANDLE key;
    check("C_UnwrapKey", TIMED(step, p11->C_UnwrapKey(session, &mechanism, kek, object->blob, object->blob_length, template,
                                                      count, &key)));
    return key;
}

static void read_back(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE handle, const struct object *object)
{
    struct object written;
    read_object(session, handle, list_for(USE_READ, object->class, object->key_type), READ_BACK, &written);
    free_object(&written);
}

/* Wrapping with padding is deterministic: the same key under the same key-encryption key gives the same bytes. */
static void prove(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE kek, CK_OBJECT_HANDLE key, const struct object *object)
{
    CK_BYTE buffer[WRAP_BUFFER];
    CK_ULONG length = wrap_key(session, kek, key, PROVE, buffer);
    if (length != object->blob_length || memcmp(buffer, object->blob, length) != 0) {
        fail("a restored key is not the key that was captured", CKR_OK);
    }
}

static void restore_key(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE kek, const struct object *object,
                        const struct options *options)
{
    if (options->trial) {
        CK_OBJECT_HANDLE trial = unwrap(session, kek, object, CK_FALSE, TRIAL);
        check("C_DestroyObject", TIMED(TRIAL, p11->C_DestroyObject(session, trial)));
    }
    CK_OBJECT_HANDLE key = unwrap(session, kek, object, CK_TRUE, UNWRAP);
    read_back(session, key, object);
    prove(session, kek, key, object);
}

static void restore_value(CK_SESSION_HANDLE session, const struct object *object, const struct options *options)
{
    CK_ATTRIBUTE template[MAX_ATTRIBUTES];
    CK_BBOOL is_token = CK_TRUE;
    CK_ULONG count = make_template(object, USE_CREATE, &is_token, template);
    CK_OBJECT_HANDLE handle;
    check("C_CreateObject", TIMED(CREATE, p11->C_CreateObject(session, template, count, &handle)));
    if (options->read_back_public) {
        read_back(session, handle, object);
    }
}

void restore_objects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE kek, const struct objects *objects,
                     const struct options *options)
{
    for (size_t i = 0; i < objects->count; i++) {
        const struct object *object = &objects->items[i];
        if (is_wrapped(object)) {
            restore_key(session, kek, object, options);
        } else {
            restore_value(session, object, options);
        }
    }
}
