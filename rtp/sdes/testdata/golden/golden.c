/* Prints packets that libsrtp has protected, one a line: suite, kind, MKI or not, plain, sealed. See make.sh. */
#include <srtp2/srtp.h>
#include <stdio.h>
#include <string.h>
static void hex(const unsigned char *p, int n) { while (n--) printf("%02x", *p++); }
static unsigned char material[46] = {
 0xE1,0xF9,0x7A,0x0D,0x3E,0x01,0x8B,0xE0,0xD6,0x4F,0xA3,0x2C,0x06,0xDE,0x41,0x39,
 0x0E,0xC6,0x75,0xAD,0x49,0x8A,0xFE,0xEB,0xB6,0x96,0x0B,0x3A,0xAB,0xE6,
 0x30,0x31,0x32,0x33,0x34,0x35,0x36,0x37,0x38,0x39,0x3a,0x3b,0x3c,0x3d,0x3e,0x3f };
typedef void (*set)(srtp_crypto_policy_t *);
static void one(const char *name, set rtp, set rtcp, int mki, int clear) {
  srtp_policy_t p; srtp_t s; srtp_master_key_t k; srtp_master_key_t *keys[1] = {&k};
  unsigned char id[4] = {0, 0, 1, 7};
  memset(&p, 0, sizeof p);
  rtp(&p.rtp); rtcp(&p.rtcp);
  if (clear) p.rtcp.sec_serv = sec_serv_auth;
  p.ssrc.type = ssrc_any_outbound; p.window_size = 128;
  if (mki) { k.key = material; k.mki_id = id; k.mki_size = 4; p.keys = keys; p.num_master_keys = 1; } else p.key = material;
  if (srtp_create(&s, &p)) { fprintf(stderr, "%s\n", name); return; }
  int seqs[] = {65534, 65535, 0, 1, 2};
  for (int i = 0; i < 5 && !clear; i++) {
    unsigned char b[256] = {0x80, 0x0f, seqs[i] >> 8, seqs[i], 0xde, 0xca, 0xfb, 0xad, 0xca, 0xfe, 0xba, 0xbe};
    int n = 12;
    if (i == 4) { b[0] = 0x91; unsigned char x[] = {0,0,0,9, 0xbe,0xde,0,1, 0x10,0xaa,0,0}; memcpy(b + n, x, 12); n += 12; }
    memset(b + n, 0xab, 16); n += 16;
    printf("%s rtp %d ", name, mki); hex(b, n);
    if (srtp_protect_mki(s, b, &n, mki, 0)) { fprintf(stderr, "protect\n"); return; }
    printf(" "); hex(b, n); printf("\n");
  }
  for (int i = 0; i < 2; i++) {
    unsigned char b[256] = {0x81, 0xc8, 0, 0x0b, 0xca, 0xfe, 0xba, 0xbe}; int n = 48;
    memset(b + 8, 0xab, 40);
    printf("%s %s %d ", name, clear ? "clear-rtcp" : "rtcp", mki); hex(b, n);
    if (srtp_protect_rtcp_mki(s, b, &n, mki, 0)) { fprintf(stderr, "protect rtcp\n"); return; }
    printf(" "); hex(b, n); printf("\n");
  }
  srtp_dealloc(s);
}
static void cm32(srtp_crypto_policy_t *p) { srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(p); }
static void cm80(srtp_crypto_policy_t *p) { srtp_crypto_policy_set_rtp_default(p); }
static void gcm128(srtp_crypto_policy_t *p) { srtp_crypto_policy_set_aes_gcm_128_16_auth(p); }
static void gcm256(srtp_crypto_policy_t *p) { srtp_crypto_policy_set_aes_gcm_256_16_auth(p); }
int main(void) {
  srtp_init();
  for (int mki = 0; mki < 2; mki++) {
    one("AES_CM_128_HMAC_SHA1_80", cm80, cm80, mki, 0);
    one("AES_CM_128_HMAC_SHA1_32", cm32, cm80, mki, 0);
    one("AEAD_AES_128_GCM", gcm128, gcm128, mki, 0);
    one("AEAD_AES_256_GCM", gcm256, gcm256, mki, 0);
  }
  one("AES_CM_128_HMAC_SHA1_80", cm80, cm80, 0, 1);
  one("AEAD_AES_128_GCM", gcm128, gcm128, 0, 1);
  return 0;
}
