/* The conversation by MQTTClient.h, in which each call waits. MQTT 5 has functions of its own. */
#include <MQTTClient.h>
#include <stdlib.h>
#include <string.h>

#include "paho_c.h"

struct client {
  MQTTClient handle;
  int version;
};

static MQTTClient_connectOptions options_of(const struct broker* broker, const struct login* login) {
  MQTTClient_connectOptions v3 = MQTTClient_connectOptions_initializer;
  MQTTClient_connectOptions v5 = MQTTClient_connectOptions_initializer5;
  MQTTClient_connectOptions options = broker->version == 5 ? v5 : v3;
  options.MQTTVersion = broker->version;
  options.username = broker->user;
  options.password = login->password;
  if (broker->version == 5) {
    options.cleanstart = !login->keeps_session;
  } else {
    options.cleansession = !login->keeps_session;
  }
  return options;
}

struct client* connect_to(const struct broker* broker, const struct login* login, int* code, enum session* session) {
  struct client* client = malloc(sizeof *client);
  client->version = broker->version;
  MQTTClient_createOptions create = MQTTClient_createOptions_initializer;
  create.MQTTVersion = broker->version;
  require(MQTTClient_createWithOptions(&client->handle, broker->uri, login->id, MQTTCLIENT_PERSISTENCE_NONE, NULL,
                                       &create) == MQTTCLIENT_SUCCESS, "create");
  MQTTClient_connectOptions options = options_of(broker, login);
  MQTTClient_willOptions will = MQTTClient_willOptions_initializer;
  will.topicName = login->will_topic;
  will.message = "gone";
  will.qos = 1;
  if (login->will_topic) options.will = &will;
  MQTTClient_SSLOptions tls = MQTTClient_SSLOptions_initializer;
  tls.trustStore = broker->authority;
  tls.verify = 1;
  if (broker->authority) options.ssl = &tls;
  if (broker->version == 5) {
    MQTTProperties properties = MQTTProperties_initializer;
    MQTTProperty expiry = {.identifier = MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL, .value.integer4 = 60};
    if (login->keeps_session) MQTTProperties_add(&properties, &expiry);
    MQTTResponse response = MQTTClient_connect5(client->handle, &options, &properties, NULL);
    *code = response.reasonCode;
    MQTTResponse_free(response);
    MQTTProperties_free(&properties);
  } else {
    *code = MQTTClient_connect(client->handle, &options);
  }
  /* in 3.1 a CONNACK has no such flag, and of one of 5 the library does not say it */
  *session = broker->version == 4 ? (options.returned.sessionPresent ? kPresent : kNone) : kNotTold;
  return client;
}

void subscribe(struct client* client, const char* topic) {
  if (client->version == 5) {
    MQTTResponse response = MQTTClient_subscribe5(client->handle, topic, 2, NULL, NULL);
    require(response.reasonCode == MQTTREASONCODE_GRANTED_QOS_2, "subscribe5");
    MQTTResponse_free(response);
  } else {
    require(MQTTClient_subscribe(client->handle, topic, 2) == MQTTCLIENT_SUCCESS, "subscribe");
  }
}

void publish(struct client* client, const char* topic, const struct message* sent) {
  MQTTClient_deliveryToken token = 0;
  MQTTClient_message message = MQTTClient_message_initializer;
  message.payload = (void*)sent->text;
  message.payloadlen = (int)strlen(sent->text);
  message.qos = sent->qos;
  message.retained = sent->retained;
  if (client->version == 5) {
    MQTTProperty property = {.identifier = MQTTPROPERTY_CODE_USER_PROPERTY,
                             .value = {.data = {4, "name"}, .value = {5, "value"}}};
    MQTTProperties_add(&message.properties, &property);
    MQTTResponse response = MQTTClient_publishMessage5(client->handle, topic, &message, &token);
    require(response.reasonCode == MQTTREASONCODE_SUCCESS, "publish5");
    MQTTResponse_free(response);
    MQTTProperties_free(&message.properties);
  } else {
    require(MQTTClient_publishMessage(client->handle, topic, &message, &token) == MQTTCLIENT_SUCCESS, "publish");
  }
  require(MQTTClient_waitForCompletion(client->handle, token, kPatienceMs) == MQTTCLIENT_SUCCESS, "completion");
}

struct message receive(struct client* client) {
  char* topic = NULL;
  int topic_size = 0;
  MQTTClient_message* message = NULL;
  /* An error may be another client's of this process, whose connection ended: the library reads for all of them. */
  for (int tries = 0; tries < 10 && message == NULL; ++tries) {
    if (MQTTClient_receive(client->handle, &topic, &topic_size, &message, kPatienceMs) == MQTTCLIENT_SUCCESS) break;
  }
  require(message != NULL, "nothing received");
  struct message got = {.qos = message->qos, .retained = message->retained};
  require(message->payloadlen < (int)sizeof got.text && strlen(topic) < sizeof got.topic, "too long");
  memcpy(got.text, message->payload, message->payloadlen);
  strcpy(got.topic, topic);
  got.user_properties = MQTTProperties_propertyCount(&message->properties, MQTTPROPERTY_CODE_USER_PROPERTY);
  MQTTClient_freeMessage(&message);
  MQTTClient_free(topic);
  return got;
}

void disconnect(struct client* client) {
  MQTTClient_disconnect(client->handle, 1000);
  MQTTClient_destroy(&client->handle);
  free(client);
}
