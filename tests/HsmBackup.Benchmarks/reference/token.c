#include "bench.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

CK_FUNCTION_LIST_PTR p11;

void fail(const char *what, CK_RV rv)
{
    fprintf(stderr, "pkcs11bench: %s", what);
    if (rv != CKR_OK) {
        fprintf(stderr, ": CKR 0x%lx", rv);
    }
    fputc('\n', stderr);
    exit(1);
}

void check(const char *function, CK_RV rv)
{
    if (rv != CKR_OK) {
        fail(function, rv);
    }
}

void *allocate(size_t size)
{
    void *memory = malloc(size > 0 ? size : 1);
    if (memory == NULL) {
        fail("out of memory", CKR_OK);
    }
    return memory;
}

void load_library(const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    CK_C_GetFunctionList get = library ? (CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList") : NULL;
    if (get == NULL) {
        fail(dlerror(), CKR_OK);
    }
    check("C_GetFunctionList", get(&p11));
}

/* SoftHSM reads the variable at each start, so one process can see the source and then, as in a recovery, only the target. */
void start_library(const char *configuration)
{
    if (configuration != NULL) {
        setenv("SOFTHSM2_CONF", configuration, 1);
    }
    /* With locks of its own, as anybody asks for who may have more than one thread. */
    CK_C_INITIALIZE_ARGS arguments = {.flags = CKF_OS_LOCKING_OK};
    check("C_Initialize", p11->C_Initialize(&arguments));
}

void stop_library(void)
{
    check("C_Finalize", p11->C_Finalize(NULL));
}

/* The slot of the token with this label; for a null label, of a token that nobody has initialised. */
static bool find_slot(const char *label, CK_SLOT_ID *found)
{
    CK_ULONG count = 0;
    check("C_GetSlotList", p11->C_GetSlotList(CK_TRUE, NULL, &count));
    CK_SLOT_ID *slots = allocate(count * sizeof *slots);
    check("C_GetSlotList", p11->C_GetSlotList(CK_TRUE, slots, &count));
    bool is_found = false;
    for (CK_ULONG i = 0; i < count && !is_found; i++) {
        CK_TOKEN_INFO info;
        check("C_GetTokenInfo", p11->C_GetTokenInfo(slots[i], &info));
        bool is_initialized = (info.flags & CKF_TOKEN_INITIALIZED) != 0;
        char padded[sizeof info.label + 1];
        snprintf(padded, sizeof padded, "%-*s", (int)sizeof info.label, label ? label : "");
        is_found = label ? is_initialized && memcmp(padded, info.label, sizeof info.label) == 0 : !is_initialized;
        *found = slots[i];
    }
    free(slots);
    return is_found;
}

CK_SLOT_ID find_token(const char *label)
{
    CK_SLOT_ID slot;
    if (!find_slot(label, &slot)) {
        fail("there is no token with this label", CKR_OK);
    }
    return slot;
}

CK_SLOT_ID find_or_make_token(const char *label, const char *so_pin, const char *pin)
{
    CK_SLOT_ID slot;
    if (find_slot(label, &slot)) {
        return slot;
    }
    if (so_pin == NULL || !find_slot(NULL, &slot)) {
        fail("there is no token with this label, and none can be made (--so-pin, a free slot)", CKR_OK);
    }
    make_token(slot, label, so_pin, pin);
    return slot;
}

/* Initialises a token. One that is there loses all that it holds. */
void make_token(CK_SLOT_ID slot, const char *label, const char *so_pin, const char *pin)
{
    CK_TOKEN_INFO info;
    char padded[sizeof info.label + 1];
    CK_SESSION_HANDLE session;
    snprintf(padded, sizeof padded, "%-*s", (int)sizeof info.label, label);
    check("C_InitToken", p11->C_InitToken(slot, (CK_UTF8CHAR_PTR)so_pin, strlen(so_pin), (CK_UTF8CHAR_PTR)padded));
    check("C_OpenSession", p11->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session));
    check("C_Login", p11->C_Login(session, CKU_SO, (CK_UTF8CHAR_PTR)so_pin, strlen(so_pin)));
    check("C_InitPIN", p11->C_InitPIN(session, (CK_UTF8CHAR_PTR)pin, strlen(pin)));
    close_session(session);
}

void check_present(CK_SLOT_ID slot)
{
    CK_TOKEN_INFO info;
    check("C_GetTokenInfo", CALL(C_GetTokenInfo, slot, &info));
}

CK_SESSION_HANDLE open_session(CK_SLOT_ID slot, const char *pin)
{
    CK_SESSION_HANDLE session;
    check("C_OpenSession", p11->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session));
    check("C_Login", p11->C_Login(session, CKU_USER, (CK_UTF8CHAR_PTR)pin, strlen(pin)));
    return session;
}

void close_session(CK_SESSION_HANDLE session)
{
    check("C_Logout", p11->C_Logout(session));
    check("C_CloseSession", p11->C_CloseSession(session));
}

CK_OBJECT_HANDLE import_kek(CK_SESSION_HANDLE session)
{
    /* Any bytes do, as long as capture and restore use the same. */
    CK_BYTE value[KEK_LENGTH];
    memset(value, 0x5A, sizeof value);
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE key_type = CKK_AES;
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS, &class, sizeof class}, {CKA_KEY_TYPE, &key_type, sizeof key_type}, {CKA_TOKEN, &no, sizeof no},
        {CKA_SENSITIVE, &yes, sizeof yes}, {CKA_EXTRACTABLE, &no, sizeof no}, {CKA_WRAP, &yes, sizeof yes},
        {CKA_UNWRAP, &yes, sizeof yes}, {CKA_VALUE, value, sizeof value},
    };
    CK_OBJECT_HANDLE kek;
    check("C_CreateObject", CALL(C_CreateObject, session, template, sizeof template / sizeof *template, &kek));
    return kek;
}

/* One call: the buffer is larger than any wrapped key of the benchmark. */
CK_ULONG wrap_key(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE kek, CK_OBJECT_HANDLE key, CK_BYTE *buffer)
{
    CK_MECHANISM mechanism = {CKM_AES_KEY_WRAP_PAD, NULL, 0};
    CK_ULONG length = WRAP_BUFFER;
    check("C_WrapKey", CALL(C_WrapKey, session, &mechanism, kek, key, buffer, &length));
    return length;
}
