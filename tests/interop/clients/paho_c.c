/* A conversation with Paho C: paho_c URL 3|4|5 NAME. conversations.py has what it says. */
#include "paho_c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct broker broker;
static const char *program, *url, *name;

void require(bool holds, const char* what) {
  if (holds) return;
  printf("%s\n", what);
  exit(1);
}

static struct login login(const char* suffix) {
  struct login made = {.password = getenv("MQTT_PASSWORD")};
  snprintf(made.id, sizeof made.id, "%s%s", name, suffix);
  return made;
}

static struct client* connected(const struct login* as, enum session* session) {
  int code = -1;
  struct client* client = connect_to(&broker, as, &code, session);
  require(code == 0, "not connected");
  return client;
}

static struct message message(const char* text, int qos, bool retained) {
  struct message made = {.qos = qos, .retained = retained, .user_properties = broker.version == 5 ? 1 : 0};
  snprintf(made.text, sizeof made.text, "%s", text);
  return made;
}

static const char* topic_of(const char* step) {
  static char topic[64];
  snprintf(topic, sizeof topic, "%s/%s", name, step);
  return topic;
}

static void expect(struct client* client, const char* topic, struct message wanted) {
  const struct message got = receive(client);
  require(strcmp(got.topic, topic) == 0, "topic");
  require(strcmp(got.text, wanted.text) == 0, "payload");
  require(got.qos == wanted.qos, "QoS");
  require(got.retained == wanted.retained, "retained");
  require(got.user_properties == wanted.user_properties, "User Properties");
}

static void is_refused(void) {
  struct login as = login("_no");
  as.password = "wrong";
  int code = -1;
  enum session session;
  connect_to(&broker, &as, &code, &session);
  require(code == (broker.version == 5 ? 0x87 : 5), "the code for a wrong password");
}

static void exchanges(struct client* client) {
  const char* topic = topic_of("plain");
  subscribe(client, topic);
  for (int qos = 0; qos < 3; ++qos) {
    const struct message sent = message((const char*[]){"QoS 0", "QoS 1", "QoS 2"}[qos], qos, false);
    publish(client, topic, &sent);
    expect(client, topic, sent);
  }
}

static void retains(struct client* client) {
  const char* topic = topic_of("retained");
  const struct message kept = message("kept", 1, true);
  publish(client, topic, &kept);
  subscribe(client, topic);
  expect(client, topic, kept);
}

static void leaves_its_will(struct client* client) {
  const char* topic = topic_of("will");
  subscribe(client, topic);
  char command[512];
  snprintf(command, sizeof command, "'%s' '%s' %d '%s' dies", program, url, broker.version, name);
  require(system(command) == 0, "the client that dies did not connect");
  struct message gone = message("gone", 1, false);
  gone.user_properties = 0;
  expect(client, topic, gone);
}

/* In a process of its own, for the library cannot break off. */
static void dies(void) {
  struct login as = login("_w");
  as.will_topic = topic_of("will");
  enum session session;
  connected(&as, &session);
  _exit(0);
}

static void keeps_its_session(struct client* client) {
  const char* topic = topic_of("session");
  struct login as = login("_s");
  as.keeps_session = true;
  enum session session;
  struct client* away = connected(&as, &session);
  subscribe(away, topic);
  disconnect(away);
  const struct message sent[] = {message("away 1", 1, false), message("away 2", 2, false)};
  for (int i = 0; i < 2; ++i) publish(client, topic, &sent[i]);
  struct client* back = connected(&as, &session);
  require(session != kNone, "no session present");
  for (int i = 0; i < 2; ++i) expect(back, topic, sent[i]);
  disconnect(back);
}

/* Paho C's own names for MQTT over TCP and TLS. */
static const char* uri_of_url(void) {
  static char uri[128];
  const char* rest = strstr(url, "://");
  require(rest != NULL, "a URL without ://");
  if (url[0] == 'w') return url;
  snprintf(uri, sizeof uri, "%s%s", strncmp(url, "mqtts", 5) == 0 ? "ssl" : "tcp", rest);
  return uri;
}

int main(int argc, char** argv) {
  require(argc == 4 || argc == 5, "usage: paho_c URL 3|4|5 NAME [dies]");
  program = argv[0];
  url = argv[1];
  name = argv[3];
  setvbuf(stdout, NULL, _IOLBF, 0);
  const bool secret = strncmp(url, "mqtts", 5) == 0 || strncmp(url, "wss", 3) == 0;
  broker = (struct broker){uri_of_url(), atoi(argv[2]), getenv("MQTT_USER"), secret ? getenv("MQTT_CA") : NULL};
  if (argc == 5) dies();

  is_refused();
  printf("refused\n");
  const struct login as = login("");
  enum session session;
  struct client* client = connected(&as, &session);
  const struct {
    const char* name;
    void (*check)(struct client*);
  } steps[] = {{"qos", exchanges}, {"retained", retains}, {"will", leaves_its_will}, {"session", keeps_its_session}};
  for (size_t i = 0; i < sizeof steps / sizeof *steps; ++i) {
    steps[i].check(client);
    printf("%s\n", steps[i].name);
  }
  disconnect(client);
  return 0;
}
