#pragma once

/* What the conversation asks of Paho C. Its two interfaces answer, each in a file of its own. */

#include <stdbool.h>
#include <stddef.h>

enum { kPatienceMs = 10000 };

struct broker {
  const char* uri;
  int version; /* 3, 4 or 5 */
  const char* user;
  const char* authority; /* its certificate; NULL without TLS */
};

struct login {
  char id[64];
  const char* password;
  const char* will_topic; /* or NULL: no Will */
  bool keeps_session;
};

struct message {
  char topic[64];
  char text[64];
  int qos;
  bool retained;
  int user_properties;
};

struct client;

enum session { kNone, kPresent, kNotTold };

/* `code` is what the CONNACK says, and so is `session`. */
struct client* connect_to(const struct broker*, const struct login*, int* code, enum session* session);
void subscribe(struct client*, const char* topic);                      /* at QoS 2, which must be granted */
void publish(struct client*, const char* topic, const struct message*); /* seen through; v5: with a User Property */
struct message receive(struct client*);
void disconnect(struct client*);

/* Ends the program and says what did not hold. */
void require(bool holds, const char* what);
