#include "bench.h"

#include <stdio.h>
#include <string.h>

static CK_BBOOL yes = CK_TRUE;

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void make_aes(CK_SESSION_HANDLE session, CK_ATTRIBUTE label, CK_ATTRIBUTE id)
{
    CK_ULONG length = 32;
    CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, NULL, 0};
    CK_OBJECT_HANDLE key;
    CK_ATTRIBUTE template[] = {
        label, id, {CKA_VALUE_LEN, &length, sizeof length}, {CKA_TOKEN, &yes, sizeof yes}, {CKA_PRIVATE, &yes, sizeof yes},
        {CKA_SENSITIVE, &yes, sizeof yes}, {CKA_EXTRACTABLE, &yes, sizeof yes}, {CKA_ENCRYPT, &yes, sizeof yes},
        {CKA_DECRYPT, &yes, sizeof yes},
    };
    check("C_GenerateKey", p11->C_GenerateKey(session, &mechanism, template, COUNT(template), &key));
}

static void make_pair(CK_SESSION_HANDLE session, CK_MECHANISM_TYPE type, CK_ATTRIBUTE *size, CK_ULONG sizes, CK_ATTRIBUTE label,
                      CK_ATTRIBUTE id)
{
    CK_MECHANISM mechanism = {type, NULL, 0};
    CK_OBJECT_HANDLE public, private;
    CK_ATTRIBUTE public_template[6] = {label, id, {CKA_TOKEN, &yes, sizeof yes}, {CKA_VERIFY, &yes, sizeof yes}};
    memcpy(public_template + 4, size, sizes * sizeof *size);
    CK_ATTRIBUTE private_template[] = {
        label, id, {CKA_TOKEN, &yes, sizeof yes}, {CKA_PRIVATE, &yes, sizeof yes}, {CKA_SENSITIVE, &yes, sizeof yes},
        {CKA_EXTRACTABLE, &yes, sizeof yes}, {CKA_SIGN, &yes, sizeof yes},
    };
    check("C_GenerateKeyPair", p11->C_GenerateKeyPair(session, &mechanism, public_template, 4 + sizes, private_template,
                                                      COUNT(private_template), &public, &private));
}

static void make_ec(CK_SESSION_HANDLE session, CK_ATTRIBUTE label, CK_ATTRIBUTE id)
{
    /* The object identifier of P-256, in DER. */
    CK_BYTE curve[] = {0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07};
    CK_ATTRIBUTE size[] = {{CKA_EC_PARAMS, curve, sizeof curve}};
    make_pair(session, CKM_EC_KEY_PAIR_GEN, size, COUNT(size), label, id);
}

static void make_rsa(CK_SESSION_HANDLE session, CK_ATTRIBUTE label, CK_ATTRIBUTE id)
{
    CK_ULONG bits = 2048;
    CK_BYTE exponent[] = {0x01, 0x00, 0x01};
    CK_ATTRIBUTE size[] = {{CKA_MODULUS_BITS, &bits, sizeof bits}, {CKA_PUBLIC_EXPONENT, exponent, sizeof exponent}};
    make_pair(session, CKM_RSA_PKCS_KEY_PAIR_GEN, size, COUNT(size), label, id);
}

static void make_many(CK_SESSION_HANDLE session, const char *kind, unsigned long count,
                      void (*make)(CK_SESSION_HANDLE, CK_ATTRIBUTE, CK_ATTRIBUTE))
{
    for (unsigned long i = 0; i < count; i++) {
        char text[32];
        int length = snprintf(text, sizeof text, "%s-%05lu", kind, i);
        make(session, (CK_ATTRIBUTE){CKA_LABEL, text, (CK_ULONG)length}, (CK_ATTRIBUTE){CKA_ID, text, (CK_ULONG)length});
    }
}

void populate(CK_SESSION_HANDLE session, const struct options *options)
{
    make_many(session, "aes", options->aes, make_aes);
    make_many(session, "ec", options->ec, make_ec);
    make_many(session, "rsa", options->rsa, make_rsa);
}
