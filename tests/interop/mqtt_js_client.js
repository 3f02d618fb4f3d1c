// A conversation with mqtt.js: mqtt_js_client.js URL 3|4|5. Prints "ok" when all went well, else what did not.
'use strict'

const assert = require('assert')
const mqtt = require('mqtt')

const [url, version] = [process.argv[2], Number(process.argv[3])]
const patienceMs = 10000

function within (promise, what) {
  let timer
  const late = new Promise((resolve, reject) => {
    timer = setTimeout(() => reject(new Error('nothing came: ' + what)), patienceMs)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

function connect (clientId, more) {
  const options = {
    clientId,
    protocolVersion: version,
    protocolId: version === 3 ? 'MQIsdp' : 'MQTT',
    reconnectPeriod: 0,
    ...more
  }
  const client = mqtt.connect(url, options)
  const connected = new Promise((resolve, reject) => {
    client.once('connect', () => resolve(client))
    client.once('error', reject)
  })
  return within(connected, 'CONNACK')
}

function subscribe (client, topic) {
  const subscribed = new Promise((resolve, reject) => {
    client.subscribe(topic, { qos: 2 }, (error, granted) => error ? reject(error) : resolve(granted))
  })
  return within(subscribed, 'SUBACK')
}

function publish (client, topic, text, options) {
  const published = new Promise((resolve, reject) => {
    client.publish(topic, text, options, error => error ? reject(error) : resolve())
  })
  return within(published, 'acknowledgement')
}

function receive (client) {
  return within(new Promise(resolve => client.once('message', (topic, payload, packet) => resolve(packet))), 'PUBLISH')
}

async function main () {
  const v5 = version === 5
  const root = `mqtt.js/${version}/`
  const client = await connect(`mqtt-js-${version}`)
  const granted = await subscribe(client, root + 'plain')
  assert.strictEqual(granted[0].qos, 2)
  for (const qos of [0, 1, 2]) {
    const properties = v5 ? { userProperties: { name: 'value' }, contentType: 'text', correlationData: Buffer.from([0, 255]) } : undefined
    const coming = receive(client)
    await publish(client, root + 'plain', `QoS ${qos}`, { qos, properties })
    const packet = await coming
    assert.strictEqual(packet.payload.toString(), `QoS ${qos}`)
    assert.strictEqual(packet.qos, qos)
    assert.strictEqual(packet.retain, false)
    if (v5) {
      assert.strictEqual(packet.properties.userProperties.name, 'value')
      assert.strictEqual(packet.properties.contentType, 'text')
      assert.deepStrictEqual([...packet.properties.correlationData], [0, 255])
    }
  }

  await publish(client, root + 'retained', 'kept', { qos: 1, retain: true })
  const retained = receive(client)
  await subscribe(client, root + 'retained')
  assert.strictEqual((await retained).retain, true)

  await subscribe(client, root + 'will')
  const will = receive(client)
  const dying = await connect(`mqtt-js-will-${version}`, { will: { topic: root + 'will', payload: 'gone', qos: 2 } })
  dying.stream.destroy()
  assert.strictEqual((await will).payload.toString(), 'gone')

  await new Promise(resolve => client.end(false, {}, resolve))
  console.log('ok')
}

main().catch(error => {
  console.log(error.message)
  process.exit(1)
})
