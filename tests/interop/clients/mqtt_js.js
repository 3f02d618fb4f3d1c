// A conversation with mqtt.js: mqtt_js.js URL 3|4|5 NAME. conversations.py has what it says.
'use strict'

const assert = require('assert')
const fs = require('fs')
const mqtt = require('mqtt')

const [url, version, name] = [process.argv[2], Number(process.argv[3]), process.argv[4]]
const v5 = version === 5
const patienceMs = 10000

function within (promise, what) {
  let timer
  const late = new Promise((resolve, reject) => {
    timer = setTimeout(() => reject(new Error('nothing came: ' + what)), patienceMs)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

// Connected once it resolves; what comes waits in client.arrived.
function connect (suffix, more) {
  const client = mqtt.connect(url, {
    clientId: name + suffix,
    username: process.env.MQTT_USER,
    password: process.env.MQTT_PASSWORD,
    ca: fs.readFileSync(process.env.MQTT_CA),
    protocolVersion: version,
    protocolId: version === 3 ? 'MQIsdp' : 'MQTT',
    reconnectPeriod: 0,
    ...more
  })
  client.arrived = []
  client.on('message', (topic, payload, packet) => {
    client.arrived.push(packet)
    client.emit('arrived')
  })
  const connected = new Promise((resolve, reject) => {
    client.once('connect', connack => {
      client.sessionPresent = connack.sessionPresent
      resolve(client)
    })
    client.once('error', reject)
  })
  return within(connected, 'CONNACK')
}

function done (start, what) {
  return within(new Promise((resolve, reject) => {
    start((error, result) => error ? reject(error) : resolve(result))
  }), what)
}

const subscribe = (client, topic) => done(call => client.subscribe(topic, { qos: 2 }, call), 'SUBACK')
const publish = (client, topic, text, options) =>
  done(call => client.publish(topic, text, options, call), 'acknowledgement')
const end = client => done(call => client.end(false, {}, call), 'end')

async function receive (client, text, qos, retain) {
  while (client.arrived.length === 0) {
    await within(new Promise(resolve => client.once('arrived', resolve)), 'PUBLISH')
  }
  const packet = client.arrived.shift()
  assert.deepStrictEqual([packet.payload.toString(), packet.qos, packet.retain], [text, qos, retain])
  return packet
}

async function isRefused () {
  await assert.rejects(connect('_no', { password: 'wrong' }), error => error.code === (v5 ? 0x87 : 5))
}

async function exchanges (client) {
  const granted = await subscribe(client, name + '/plain')
  assert.strictEqual(granted[0].qos, 2)
  for (const qos of [0, 1, 2]) {
    const properties = v5 ? { userProperties: { name: 'value' }, contentType: 'text', correlationData: Buffer.from([0, 255]) } : undefined
    await publish(client, name + '/plain', `QoS ${qos}`, { qos, properties })
    const packet = await receive(client, `QoS ${qos}`, qos, false)
    if (v5) {
      assert.strictEqual(packet.properties.userProperties.name, 'value')
      assert.strictEqual(packet.properties.contentType, 'text')
      assert.deepStrictEqual([...packet.properties.correlationData], [0, 255])
    }
  }
}

async function retains (client) {
  await publish(client, name + '/retained', 'kept', { qos: 1, retain: true })
  await subscribe(client, name + '/retained')
  await receive(client, 'kept', 1, true)
}

async function leavesItsWill (client) {
  await subscribe(client, name + '/will')
  const dying = await connect('_w', { will: { topic: name + '/will', payload: 'gone', qos: 2 } })
  dying.stream.destroy()
  await receive(client, 'gone', 2, false)
}

async function keepsItsSession (client) {
  const keeping = { clean: false, properties: v5 ? { sessionExpiryInterval: 60 } : undefined }
  const before = await connect('_s', keeping)
  await subscribe(before, name + '/session')
  await end(before)
  for (const qos of [1, 2]) await publish(client, name + '/session', `away ${qos}`, { qos })
  const after = await connect('_s', keeping)
  assert.ok(version === 3 || after.sessionPresent)
  for (const qos of [1, 2]) await receive(after, `away ${qos}`, qos, false)
  await end(after)
}

async function main () {
  await isRefused()
  console.log('refused')
  const client = await connect('')
  for (const [step, check] of Object.entries({ qos: exchanges, retained: retains, will: leavesItsWill, session: keepsItsSession })) {
    await check(client)
    console.log(step)
  }
  await end(client)
}

main().then(() => process.exit(0), error => {
  console.log(error.stack)
  process.exit(1)
})
