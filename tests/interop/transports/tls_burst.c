// A client of TLS 1.3 that sends all at once: CONNECT, so many new keys, and PINGREQ. Ends with status 0 if CONNACK and
// PINGRESP come.   tls_burst PORT KEYS
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int send_all(int to, BIO* from) {
  char* bytes;
  long left = BIO_get_mem_data(from, &bytes);
  while (left > 0) {
    const ssize_t sent = write(to, bytes, (size_t)left);
    if (sent <= 0) return 0;
    bytes += sent, left -= sent;
  }
  return BIO_reset(from) == 1;
}

int main(int count, char** words) {
  if (count != 3) return 2;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(words[1]))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int connection = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(connection, (struct sockaddr*)&address, sizeof address) != 0) return 3;
  SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL* const tls = SSL_new(context);
  BIO* const in = BIO_new(BIO_s_mem());
  BIO* const out = BIO_new(BIO_s_mem());
  BIO_set_mem_eof_return(in, -1);
  SSL_set_bio(tls, in, out);
  char bytes[16384];
  while (SSL_connect(tls) != 1) {
    send_all(connection, out);
    const ssize_t came = read(connection, bytes, sizeof bytes);
    if (came <= 0) return 4;
    BIO_write(in, bytes, (int)came);
  }
  char hello[] = "\x10\x14\0\4MQTT\4\2\0\0\0\10pid-----";
  snprintf(hello + sizeof hello - 6, 6, "%05u", (unsigned)getpid() % 100000u);
  SSL_write(tls, hello, sizeof hello - 1);
  for (int i = atoi(words[2]); i > 0; --i) {
    SSL_key_update(tls, SSL_KEY_UPDATE_NOT_REQUESTED);
    SSL_do_handshake(tls);
  }
  SSL_write(tls, "\xc0\0", 2);
  if (!send_all(connection, out)) return 5;
  static const char answer[] = "\x20\x02\0\0\xd0\0";
  int have = 0;
  while (have < 6) {
    const int got = SSL_read(tls, bytes + have, (int)sizeof bytes - have);
    if (got > 0) {
      have += got;
      continue;
    }
    const ssize_t came = read(connection, bytes + have, sizeof bytes - (size_t)have);
    if (came <= 0) return 6;
    BIO_write(in, bytes + have, (int)came);
  }
  return memcmp(bytes, answer, 6) == 0 ? 0 : 7;
}
