/* The conversation by MQTTAsync.h, whose calls come back at once; its threads say by callbacks what became of them. */
#include <MQTTAsync.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "paho_c.h"

enum { kMessagesMax = 8, kWaiting = -1, kFailed = -2 };

struct client {
  MQTTAsync handle;
  int version;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  int outcome; /* of the call in hand: a code, kWaiting or kFailed */
  bool present;
  struct message messages[kMessagesMax];
  int first, count;
};

static void settle(struct client* client, int outcome) {
  pthread_mutex_lock(&client->mutex);
  client->outcome = outcome;
  pthread_cond_broadcast(&client->changed);
  pthread_mutex_unlock(&client->mutex);
}

static void succeeded(void* context, MQTTAsync_successData* data) {
  (void)data;
  settle(context, 0);
}

static void succeeded5(void* context, MQTTAsync_successData5* data) {
  (void)data;
  settle(context, 0);
}

static void failed(void* context, MQTTAsync_failureData* data) { settle(context, data ? data->code : kFailed); }

static void failed5(void* context, MQTTAsync_failureData5* data) {
  settle(context, data ? data->code : kFailed);
}

static void connected(void* context, MQTTAsync_successData* data) {
  ((struct client*)context)->present = data->alt.connect.sessionPresent;
  settle(context, 0);
}

static void connected5(void* context, MQTTAsync_successData5* data) {
  ((struct client*)context)->present = data->alt.connect.sessionPresent;
  settle(context, 0);
}

static struct timespec deadline(void) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += kPatienceMs / 1000;
  return until;
}

static int outcome(struct client* client) {
  const struct timespec until = deadline();
  pthread_mutex_lock(&client->mutex);
  while (client->outcome == kWaiting) {
    if (pthread_cond_timedwait(&client->changed, &client->mutex, &until) != 0) break;
  }
  const int got = client->outcome;
  client->outcome = kWaiting;
  pthread_mutex_unlock(&client->mutex);
  require(got != kWaiting, "no callback");
  return got;
}

static MQTTAsync_responseOptions answer_to(struct client* client) {
  MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
  options.context = client;
  if (client->version == 5) {
    options.onSuccess5 = succeeded5;
    options.onFailure5 = failed5;
  } else {
    options.onSuccess = succeeded;
    options.onFailure = failed;
  }
  return options;
}

static int arrived(void* context, char* topic, int topic_size, MQTTAsync_message* message) {
  (void)topic_size;
  struct client* client = context;
  struct message got = {.qos = message->qos, .retained = message->retained};
  require(message->payloadlen < (int)sizeof got.text && strlen(topic) < sizeof got.topic, "too long");
  memcpy(got.text, message->payload, message->payloadlen);
  strcpy(got.topic, topic);
  got.user_properties = MQTTProperties_propertyCount(&message->properties, MQTTPROPERTY_CODE_USER_PROPERTY);
  pthread_mutex_lock(&client->mutex);
  require(client->count < kMessagesMax, "too many messages");
  client->messages[(client->first + client->count++) % kMessagesMax] = got;
  pthread_cond_broadcast(&client->changed);
  pthread_mutex_unlock(&client->mutex);
  MQTTAsync_freeMessage(&message);
  MQTTAsync_free(topic);
  return 1;
}

static struct client* created(const struct broker* broker, const struct login* login) {
  struct client* client = calloc(1, sizeof *client);
  client->version = broker->version;
  client->outcome = kWaiting;
  pthread_mutex_init(&client->mutex, NULL);
  pthread_cond_init(&client->changed, NULL);
  MQTTAsync_createOptions create = MQTTAsync_createOptions_initializer;
  create.MQTTVersion = broker->version;
  require(MQTTAsync_createWithOptions(&client->handle, broker->uri, login->id, MQTTCLIENT_PERSISTENCE_NONE, NULL,
                                      &create) == MQTTASYNC_SUCCESS, "create");
  MQTTAsync_setCallbacks(client->handle, client, NULL, arrived, NULL);
  return client;
}

struct client* connect_to(const struct broker* broker, const struct login* login, int* code, enum session* session) {
  struct client* client = created(broker, login);
  MQTTAsync_connectOptions v3 = MQTTAsync_connectOptions_initializer;
  MQTTAsync_connectOptions v5 = MQTTAsync_connectOptions_initializer5;
  MQTTAsync_connectOptions options = broker->version == 5 ? v5 : v3;
  options.MQTTVersion = broker->version;
  options.username = broker->user;
  options.password = login->password;
  options.context = client;
  MQTTAsync_willOptions will = MQTTAsync_willOptions_initializer;
  will.topicName = login->will_topic;
  will.message = "gone";
  will.qos = 1;
  if (login->will_topic) options.will = &will;
  MQTTAsync_SSLOptions tls = MQTTAsync_SSLOptions_initializer;
  tls.trustStore = broker->authority;
  tls.verify = 1;
  if (broker->authority) options.ssl = &tls;
  MQTTProperties properties = MQTTProperties_initializer;
  if (broker->version == 5) {
    MQTTProperty expiry = {.identifier = MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL, .value.integer4 = 60};
    if (login->keeps_session) MQTTProperties_add(&properties, &expiry);
    options.cleanstart = !login->keeps_session;
    options.connectProperties = &properties;
    options.onSuccess5 = connected5;
    options.onFailure5 = failed5;
  } else {
    options.cleansession = !login->keeps_session;
    options.onSuccess = connected;
    options.onFailure = failed;
  }
  require(MQTTAsync_connect(client->handle, &options) == MQTTASYNC_SUCCESS, "connect");
  *code = outcome(client);
  *session = broker->version == 3 ? kNotTold : client->present ? kPresent : kNone;
  MQTTProperties_free(&properties);
  return client;
}

void subscribe(struct client* client, const char* topic) {
  MQTTAsync_responseOptions options = answer_to(client);
  require(MQTTAsync_subscribe(client->handle, topic, 2, &options) == MQTTASYNC_SUCCESS, "subscribe");
  require(outcome(client) == 0, "subscribed");
}

void publish(struct client* client, const char* topic, const struct message* sent) {
  MQTTAsync_responseOptions options = answer_to(client);
  MQTTAsync_message message = MQTTAsync_message_initializer;
  message.payload = (void*)sent->text;
  message.payloadlen = (int)strlen(sent->text);
  message.qos = sent->qos;
  message.retained = sent->retained;
  if (client->version == 5) {
    MQTTProperty property = {.identifier = MQTTPROPERTY_CODE_USER_PROPERTY,
                             .value = {.data = {4, "name"}, .value = {5, "value"}}};
    MQTTProperties_add(&message.properties, &property);
  }
  require(MQTTAsync_sendMessage(client->handle, topic, &message, &options) == MQTTASYNC_SUCCESS, "publish");
  require(outcome(client) == 0, "published");
  MQTTProperties_free(&message.properties);
}

struct message receive(struct client* client) {
  const struct timespec until = deadline();
  pthread_mutex_lock(&client->mutex);
  while (client->count == 0) {
    if (pthread_cond_timedwait(&client->changed, &client->mutex, &until) != 0) break;
  }
  require(client->count > 0, "nothing received");
  const struct message got = client->messages[client->first];
  client->first = (client->first + 1) % kMessagesMax;
  --client->count;
  pthread_mutex_unlock(&client->mutex);
  return got;
}

void disconnect(struct client* client) {
  MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer;
  options.context = client;
  if (client->version == 5) {
    options.onSuccess5 = succeeded5;
    options.onFailure5 = failed5;
  } else {
    options.onSuccess = succeeded;
    options.onFailure = failed;
  }
  require(MQTTAsync_disconnect(client->handle, &options) == MQTTASYNC_SUCCESS, "disconnect");
  outcome(client);
  MQTTAsync_destroy(&client->handle);
}
