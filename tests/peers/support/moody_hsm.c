/* SoftHSM2 with moods that it does not have itself. The file $MOODY_HSM holds one word, read at each call:
 *   final-try      the next wrong PIN would be the last
 *   locked         the PIN is locked
 *   device-removed nothing is signed
 *   one-lost       the next signature finds its session gone; the word is removed
 *   hangs          no signature returns before the word is another
 *   hangs-init     nor does the library's initialisation
 *   refuses-init   nothing is signed, and the library does not initialise again
 * Each C_Login appends a line to $MOODY_HSM.logins. */

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long CK_RV;
/* The functions of PKCS#11 2.40, in their order. */
enum { INITIALIZE = 0, FINALIZE = 1, GET_FUNCTION_LIST = 3, GET_TOKEN_INFO = 6, LOGIN = 18, SIGN_INIT = 42, ALL = 68 };
struct list { unsigned char version[sizeof(void *)]; void *call[ALL]; };

static struct list ours;
static struct list *theirs;

static int is(const char *mood) {
    char word[32] = "";
    FILE *file = fopen(getenv("MOODY_HSM"), "r");
    if (file) {
        if (fscanf(file, "%31s", word) != 1) word[0] = 0;
        fclose(file);
    }
    return strcmp(word, mood) == 0;
}

static CK_RV initialize(void *arguments) {
    while (is("hangs-init")) usleep(20000);
    if (is("refuses-init")) return 0x30; /* CKR_DEVICE_ERROR */
    return ((CK_RV(*)(void *))theirs->call[INITIALIZE])(arguments);
}

static CK_RV token_info(unsigned long slot, unsigned char *info) {
    CK_RV told = ((CK_RV(*)(unsigned long, unsigned char *))theirs->call[GET_TOKEN_INFO])(slot, info);
    /* After label, manufacturer, model and serial number. */
    unsigned long flags;
    memcpy(&flags, info + 96, sizeof flags);
    if (is("final-try")) flags |= 0x20000;
    if (is("locked")) flags |= 0x40000;
    memcpy(info + 96, &flags, sizeof flags);
    return told;
}

static CK_RV login(unsigned long session, unsigned long user, char *pin, unsigned long length) {
    char name[4096];
    snprintf(name, sizeof name, "%s.logins", getenv("MOODY_HSM"));
    FILE *file = fopen(name, "a");
    fputs("login\n", file);
    fclose(file);
    return ((CK_RV(*)(unsigned long, unsigned long, char *, unsigned long))theirs->call[LOGIN])(session, user, pin, length);
}

static CK_RV sign_init(unsigned long session, void *mechanism, unsigned long key) {
    while (is("hangs")) usleep(20000);
    if (is("device-removed") || is("refuses-init")) return 0x32;
    if (is("one-lost")) {
        unlink(getenv("MOODY_HSM"));
        return 0xB3;
    }
    return ((CK_RV(*)(unsigned long, void *, unsigned long))theirs->call[SIGN_INIT])(session, mechanism, key);
}

CK_RV C_GetFunctionList(struct list **list) {
    if (!theirs) {
        void *library = dlopen("/usr/lib/softhsm/libsofthsm2.so", RTLD_NOW | RTLD_LOCAL);
        CK_RV (*get)(struct list **) = (CK_RV(*)(struct list **))dlsym(library, "C_GetFunctionList");
        CK_RV told = get(&theirs);
        if (told) return told;
        ours = *theirs;
        ours.call[GET_FUNCTION_LIST] = (void *)C_GetFunctionList;
        ours.call[INITIALIZE] = (void *)initialize;
        ours.call[GET_TOKEN_INFO] = (void *)token_info;
        ours.call[LOGIN] = (void *)login;
        ours.call[SIGN_INIT] = (void *)sign_init;
    }
    *list = &ours;
    return 0;
}
