/* A conversation with Paho C: paho_c_client URI 3|4|5. Prints "ok" when all went well, else what did not. */
#include <MQTTClient.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const long kPatienceMs = 10000;

static void require(int holds, const char* what) {
  if (holds) return;
  printf("%s\n", what);
  exit(1);
}

/* MQTT 5 and before have functions of their own; these hide which. */
static MQTTClient connect_to(const char* uri, int version, const char* id, const char* will_topic) {
  MQTTClient client;
  MQTTClient_createOptions create = MQTTClient_createOptions_initializer;
  create.MQTTVersion = version;
  require(MQTTClient_createWithOptions(&client, uri, id, MQTTCLIENT_PERSISTENCE_NONE, NULL, &create) == 0, "create");
  MQTTClient_connectOptions v3 = MQTTClient_connectOptions_initializer;
  MQTTClient_connectOptions v5 = MQTTClient_connectOptions_initializer5;
  MQTTClient_connectOptions* options = version == MQTTVERSION_5 ? &v5 : &v3;
  MQTTClient_willOptions will = MQTTClient_willOptions_initializer;
  will.topicName = will_topic;
  will.message = "gone";
  will.qos = 1;
  options->MQTTVersion = version;
  if (will_topic) options->will = &will;
  if (version == MQTTVERSION_5) {
    MQTTResponse response = MQTTClient_connect5(client, options, NULL, NULL);
    require(response.reasonCode == MQTTREASONCODE_SUCCESS, "connect5");
    MQTTResponse_free(response);
  } else {
    require(MQTTClient_connect(client, options) == MQTTCLIENT_SUCCESS, "connect");
  }
  return client;
}

static void subscribe(MQTTClient client, int version, const char* topic) {
  if (version == MQTTVERSION_5) {
    MQTTResponse response = MQTTClient_subscribe5(client, topic, 2, NULL, NULL);
    require(response.reasonCode == MQTTREASONCODE_GRANTED_QOS_2, "subscribe5");
    MQTTResponse_free(response);
  } else {
    require(MQTTClient_subscribe(client, topic, 2) == MQTTCLIENT_SUCCESS, "subscribe");
  }
}

static void publish(MQTTClient client, int version, const char* topic, const char* text, int qos, int retained) {
  MQTTClient_deliveryToken token = 0;
  MQTTClient_message message = MQTTClient_message_initializer;
  message.payload = (void*)text;
  message.payloadlen = (int)strlen(text);
  message.qos = qos;
  message.retained = retained;
  if (version == MQTTVERSION_5) {
    MQTTProperty property;
    property.identifier = MQTTPROPERTY_CODE_USER_PROPERTY;
    property.value.data.data = "name";
    property.value.data.len = 4;
    property.value.value.data = "value";
    property.value.value.len = 5;
    require(MQTTProperties_add(&message.properties, &property) == 0, "property");
    MQTTResponse response = MQTTClient_publishMessage5(client, topic, &message, &token);
    require(response.reasonCode == MQTTREASONCODE_SUCCESS, "publish5");
    MQTTResponse_free(response);
    MQTTProperties_free(&message.properties);
  } else {
    require(MQTTClient_publishMessage(client, topic, &message, &token) == MQTTCLIENT_SUCCESS, "publish");
  }
  require(MQTTClient_waitForCompletion(client, token, kPatienceMs) == MQTTCLIENT_SUCCESS, "completion");
}

static void expect(MQTTClient client, const char* topic, const char* text, int qos, int retained, int user_properties) {
  char* name = NULL;
  int name_size = 0;
  MQTTClient_message* message = NULL;
  /* An error may be another client's of this process, whose connection ended: the library reads for all of them. */
  for (int tries = 0; tries < 10 && message == NULL; ++tries) {
    if (MQTTClient_receive(client, &name, &name_size, &message, kPatienceMs) == MQTTCLIENT_SUCCESS) break;
  }
  require(message != NULL, "nothing received");
  require(strcmp(name, topic) == 0, "topic");
  require(message->payloadlen == (int)strlen(text) && memcmp(message->payload, text, strlen(text)) == 0, "payload");
  require(message->qos == qos, "QoS");
  require(message->retained == retained, "retained");
  require(MQTTProperties_propertyCount(&message->properties, MQTTPROPERTY_CODE_USER_PROPERTY) == user_properties,
          "User Properties");
  MQTTClient_freeMessage(&message);
  MQTTClient_free(name);
}

int main(int argc, char** argv) {
  require(argc == 3, "usage: paho_c_client URI 3|4|5");
  const char* uri = argv[1];
  const int version = atoi(argv[2]);
  const int properties = version == MQTTVERSION_5 ? 1 : 0;
  char topic[64];
  char retained_topic[64];
  char will_topic[64];
  snprintf(topic, sizeof topic, "paho/c/%d", version);
  snprintf(retained_topic, sizeof retained_topic, "paho/c/%d/retained", version);
  snprintf(will_topic, sizeof will_topic, "paho/c/%d/will", version);

  MQTTClient client = connect_to(uri, version, "paho-c", NULL);
  subscribe(client, version, topic);
  const char* texts[] = {"QoS 0", "QoS 1", "QoS 2"};
  for (int qos = 0; qos < 3; ++qos) {
    publish(client, version, topic, texts[qos], qos, 0);
    expect(client, topic, texts[qos], qos, 0, properties);
  }
  publish(client, version, retained_topic, "kept", 1, 1);
  subscribe(client, version, retained_topic);
  expect(client, retained_topic, "kept", 1, 1, properties);

  subscribe(client, version, will_topic);
  MQTTClient with_will = connect_to(uri, version, "paho-c-will", will_topic);
  MQTTClient again = connect_to(uri, version, "paho-c-will", NULL); /* takes the first over: its Will is due */
  expect(client, will_topic, "gone", 1, 0, 0);

  MQTTClient_disconnect(again, 1000);
  MQTTClient_disconnect(client, 1000);
  MQTTClient_destroy(&with_will);
  MQTTClient_destroy(&again);
  MQTTClient_destroy(&client);
  printf("ok\n");
  return 0;
}
