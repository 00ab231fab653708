/*
 * A PKCS#11 library that stands before another one and fails on command, for tests of what an ill device does.
 *
 * Beside it, under its own name and these endings, stand:
 *   .real      the path of the library behind it, without a newline
 *   .faults    lines "C_Function ACTION", "C_Function ACTION SKIP", once SKIP more calls of whatever function were made, or
 *              "C_Function ACTION SKIP LABEL", for the key or object with that label only (to the end of the line); "*" is every
 *              function. Read at each call, so that a fault comes and goes while a process runs
 *   .names     "FROM TO", two mechanisms in hex: what is to be wrapped by the first is wrapped by the second; need not be there
 *
 * A copy of this library must find all that too. Compiled with -DREAL_LIBRARY="..." -DFAULTS="..." it needs nothing beside it: each copy
 * makes a copy of the library behind it, which is then a library of its own, and all copies heed the same faults.
 *
 * ACTION is a CKR value in hex, which is returned in place of a call; "block", which does not return while the line stands;
 * or "garbage", which lets the call happen and then overwrites what it answered with nonsense.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>
#include <p11-kit/pkcs11.h>

static CK_FUNCTION_LIST real_functions, functions;
static char faults_path[4096];
static CK_MECHANISM_TYPE known_as, meant;

enum action { PASS, RETURN, GARBAGE };

/* Calls since there is a file of faults. */
static atomic_ulong calls;

/* What a session is about to do, it does with this key. */
#define SESSIONS 64
static struct { CK_SESSION_HANDLE session; char label[256]; } begun[SESSIONS];
static pthread_mutex_t begun_lock = PTHREAD_MUTEX_INITIALIZER;

static void text_of(const CK_ATTRIBUTE *label, char *text)
{
    size_t length = label->ulValueLen < 255 ? label->ulValueLen : 255;
    memcpy(text, label->pValue, length);
    text[length] = 0;
}

static const char *label_in(const CK_ATTRIBUTE *template, CK_ULONG count, char *text)
{
    for (CK_ULONG i = 0; i < count; i++) {
        if (template[i].type == CKA_LABEL && template[i].pValue != NULL) {
            text_of(&template[i], text);
            return text;
        }
    }
    return NULL;
}

static const char *label_of(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, char *text)
{
    char value[256];
    CK_ATTRIBUTE label = {CKA_LABEL, value, sizeof value - 1};
    if (access(faults_path, F_OK) != 0 || real_functions.C_GetAttributeValue(session, key, &label, 1) != CKR_OK) {
        return NULL;
    }
    text_of(&label, text);
    return text;
}

static const char *begin(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, char *text)
{
    const char *label = label_of(session, key, text);
    pthread_mutex_lock(&begun_lock);
    begun[session % SESSIONS].session = session;
    snprintf(begun[session % SESSIONS].label, sizeof begun[0].label, "%s", label == NULL ? "" : label);
    pthread_mutex_unlock(&begun_lock);
    return label;
}

static const char *label_begun(CK_SESSION_HANDLE session, char *text)
{
    pthread_mutex_lock(&begun_lock);
    snprintf(text, 256, "%s", begun[session % SESSIONS].session == session ? begun[session % SESSIONS].label : "");
    pthread_mutex_unlock(&begun_lock);
    return text;
}

static enum action find_fault(const char *function, const char *label, CK_RV *rv)
{
    unsigned long call = 0;
    for (;;) {
        char line[512], name[64], action[32];
        bool block = false;
        FILE *file = fopen(faults_path, "re");
        if (file == NULL) {
            atomic_store(&calls, 0);
            return PASS;
        }
        if (call == 0) {
            call = atomic_fetch_add(&calls, 1) + 1;
        }
        enum action found = PASS;
        while (fgets(line, sizeof line, file) != NULL) {
            unsigned long skip = 0;
            int label_at = 0;
            line[strcspn(line, "\n")] = 0;
            if (sscanf(line, "%63s %31s %lu %n", name, action, &skip, &label_at) < 2
                || (strcmp(name, "*") != 0 && strcmp(name, function) != 0) || call <= skip) {
                continue;
            }
            if (label_at > 0 && line[label_at] != 0 && (label == NULL || strcmp(line + label_at, label) != 0)) {
                continue;
            }
            if (strcmp(action, "block") == 0) {
                block = true;
            } else if (strcmp(action, "garbage") == 0) {
                found = GARBAGE;
            } else {
                *rv = strtoul(action, NULL, 16);
                found = RETURN;
            }
        }
        fclose(file);
        if (!block) {
            return found;
        }
        usleep(20 * 1000);
    }
}

/* What the library behind this one calls a mechanism. */
static CK_MECHANISM *translate(const CK_MECHANISM *mechanism, CK_MECHANISM *other)
{
    *other = *mechanism;
    if (known_as != meant && mechanism->mechanism == known_as) {
        other->mechanism = meant;
    }
    return other;
}

/* The call itself, and after it what garbage does to its answer. */
#define STAND_BEFORE(name, parameters, arguments, spoil) STAND_BEFORE_KEY(name, parameters, arguments, NULL, spoil)

/* The same for a call that is about a key; find_label may use the buffer "text". */
#define STAND_BEFORE_KEY(name, parameters, arguments, find_label, spoil) \
    static CK_RV before_##name parameters                                \
    {                                                                    \
        CK_RV rv = CKR_OK;                                               \
        char text[256] = "";                                             \
        (void)text;                                                      \
        enum action action = find_fault(#name, find_label, &rv);         \
        if (action == RETURN) {                                          \
            return rv;                                                   \
        }                                                                \
        rv = real_functions.name arguments;                              \
        if (action == GARBAGE) {                                         \
            spoil;                                                       \
        }                                                                \
        return rv;                                                       \
    }

/* Two calls that belong together: the first names the key. What comes of the second is as long as it would be, and wrong. */
#define STAND_BEFORE_USE(init, use)                                                                                                \
    STAND_BEFORE_KEY(init, (CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key),                             \
                     (session, mechanism, key), begin(session, key, text), rv = 0x12345)                                           \
    STAND_BEFORE_KEY(use, (CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG length, CK_BYTE *result, CK_ULONG *result_length),   \
                     (session, data, length, result, result_length), label_begun(session, text),                                   \
                     if (rv == CKR_OK && result != NULL) { memset(result, 0x5a, *result_length); })

STAND_BEFORE(C_Initialize, (void *args), (args), rv = 0xdeadbeef)
STAND_BEFORE(C_GetSlotList, (CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *count), (present, slots, count),
             if (slots != NULL) { memset(slots, 0xa5, *count * sizeof *slots); })
STAND_BEFORE(C_GetTokenInfo, (CK_SLOT_ID slot, CK_TOKEN_INFO *info), (slot, info), memset(info, 0xff, sizeof *info))
STAND_BEFORE(C_OpenSession, (CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify, CK_SESSION_HANDLE *session),
             (slot, flags, application, notify, session), *session = 0xa5a5)
STAND_BEFORE(C_Login, (CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG length),
             (session, user, pin, length), rv = 0x7fffffff)
STAND_BEFORE(C_FindObjectsInit, (CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG count),
             (session, template, count), rv = 0x12345)
STAND_BEFORE(C_FindObjects, (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *objects, CK_ULONG most, CK_ULONG *count),
             (session, objects, most, count), memset(objects, 0x5a, most * sizeof *objects))
STAND_BEFORE(C_GetAttributeValue, (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *template, CK_ULONG count),
             (session, object, template, count),
             for (CK_ULONG i = 0; i < count; i++) { template[i].ulValueLen = 0x7ffffffffffffff0; })
STAND_BEFORE_KEY(C_CreateObject, (CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG count, CK_OBJECT_HANDLE *object),
                 (session, template, count, object), label_in(template, count, text), rv = 0x12345)
STAND_BEFORE_KEY(C_WrapKey, (CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE by, CK_OBJECT_HANDLE key, CK_BYTE *wrapped, CK_ULONG *length),
                 (session, translate(mechanism, &(CK_MECHANISM){0}), by, key, wrapped, length), label_of(session, key, text),
                 if (rv == CKR_OK && wrapped != NULL) { memset(wrapped, 0xa5, *length); })
STAND_BEFORE_KEY(C_UnwrapKey, (CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE by, CK_BYTE *wrapped, CK_ULONG length,
                               CK_ATTRIBUTE *template, CK_ULONG count, CK_OBJECT_HANDLE *key),
                 (session, translate(mechanism, &(CK_MECHANISM){0}), by, wrapped, length, template, count, key),
                 label_in(template, count, text), rv = 0x12345)
STAND_BEFORE_KEY(C_DeriveKey, (CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE base, CK_ATTRIBUTE *template, CK_ULONG count,
                               CK_OBJECT_HANDLE *key),
                 (session, mechanism, base, template, count, key), label_of(session, base, text), rv = 0x12345)
STAND_BEFORE_USE(C_SignInit, C_Sign)
STAND_BEFORE_USE(C_EncryptInit, C_Encrypt)
STAND_BEFORE_USE(C_DecryptInit, C_Decrypt)

STAND_BEFORE(C_DestroyObject, (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object), (session, object), rv = 0x12345)
STAND_BEFORE(C_SetAttributeValue, (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *template, CK_ULONG count),
             (session, object, template, count), rv = 0x12345)
STAND_BEFORE(C_GenerateKey, (CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_ATTRIBUTE *template, CK_ULONG count, CK_OBJECT_HANDLE *key),
             (session, mechanism, template, count, key), rv = 0x12345)
STAND_BEFORE(C_InitToken, (CK_SLOT_ID slot, CK_UTF8CHAR *pin, CK_ULONG length, CK_UTF8CHAR *label), (slot, pin, length, label), rv = 0x12345)
STAND_BEFORE(C_InitPIN, (CK_SESSION_HANDLE session, CK_UTF8CHAR *pin, CK_ULONG length), (session, pin, length), rv = 0x12345)

static void load_names(const char *library)
{
    char path[4096];
    snprintf(path, sizeof path, "%s.names", library);
    FILE *file = fopen(path, "re");
    if (file != NULL) {
        if (fscanf(file, "%lx %lx", &known_as, &meant) != 2) {
            known_as = meant = 0;
        }
        fclose(file);
    }
}

#ifdef REAL_LIBRARY
static bool find_real_library(const char *self, char *name, size_t size)
{
    char copy[4096 + 16];
    snprintf(faults_path, sizeof faults_path, "%s", FAULTS);
    snprintf(name, size, "%s.behind", self);
    if (access(name, F_OK) == 0) {
        return true;
    }
    snprintf(copy, sizeof copy, "%s.%d", name, (int)getpid());
    int from = open(REAL_LIBRARY, O_RDONLY | O_CLOEXEC), to = open(copy, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
    struct stat status;
    bool copied = from >= 0 && to >= 0 && fstat(from, &status) == 0 && sendfile(to, from, NULL, (size_t)status.st_size) == status.st_size;
    close(from);
    close(to);
    return copied && rename(copy, name) == 0;
}
#else
static bool find_real_library(const char *self, char *name, size_t size)
{
    char path[4096];
    snprintf(faults_path, sizeof faults_path, "%s.faults", self);
    snprintf(path, sizeof path, "%s.real", self);
    FILE *file = fopen(path, "re");
    bool found = file != NULL && fgets(name, (int)size, file) != NULL;
    if (file != NULL) {
        fclose(file);
    }
    return found;
}
#endif

/* A name that is found at most once in the process: every copy of this library is a library of its own. */
static bool load_real_library(void)
{
    Dl_info self;
    if (dladdr((void *)&load_real_library, &self) == 0) {
        return false;
    }
    char name[4096] = "";
    load_names(self.dli_fname);
    if (!find_real_library(self.dli_fname, name, sizeof name)) {
        return false;
    }
    void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    CK_C_GetFunctionList get = library == NULL ? NULL : (CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList");
    CK_FUNCTION_LIST *list;
    if (get == NULL || get(&list) != CKR_OK) {
        return false;
    }
    real_functions = functions = *list;
    functions.C_Initialize = before_C_Initialize;
    functions.C_GetSlotList = before_C_GetSlotList;
    functions.C_GetTokenInfo = before_C_GetTokenInfo;
    functions.C_OpenSession = before_C_OpenSession;
    functions.C_Login = before_C_Login;
    functions.C_FindObjectsInit = before_C_FindObjectsInit;
    functions.C_FindObjects = before_C_FindObjects;
    functions.C_GetAttributeValue = before_C_GetAttributeValue;
    functions.C_CreateObject = before_C_CreateObject;
    functions.C_WrapKey = before_C_WrapKey;
    functions.C_UnwrapKey = before_C_UnwrapKey;
    functions.C_DeriveKey = before_C_DeriveKey;
    functions.C_SignInit = before_C_SignInit;
    functions.C_Sign = before_C_Sign;
    functions.C_EncryptInit = before_C_EncryptInit;
    functions.C_Encrypt = before_C_Encrypt;
    functions.C_DecryptInit = before_C_DecryptInit;
    functions.C_Decrypt = before_C_Decrypt;
    functions.C_DestroyObject = before_C_DestroyObject;
    functions.C_SetAttributeValue = before_C_SetAttributeValue;
    functions.C_GenerateKey = before_C_GenerateKey;
    functions.C_InitToken = before_C_InitToken;
    functions.C_InitPIN = before_C_InitPIN;
    return true;
}

__attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
    static bool loaded;
    if (!loaded && !(loaded = load_real_library())) {
        return CKR_GENERAL_ERROR;
    }
    *list = &functions;
    return CKR_OK;
}
