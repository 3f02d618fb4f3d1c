// What browser.py asks of a page, which has one client. Questions and answers are JSON, so payloads are hexadecimal.
import mqtt from 'mqtt'
import { Buffer } from 'buffer/'

let client
const messages = []
const readers = []

function deliver () {
  while (messages.length && readers.length) readers.shift()(messages.shift())
}

function done (begin) {
  return new Promise((resolve, reject) => begin((error, what) => error ? reject(error) : resolve(what)))
}

window.page = {
  // The code in the CONNACK, or "closed" if the connection ends without one.
  connect (url, version, options) {
    client = mqtt.connect(url, { protocolVersion: version, reconnectPeriod: 0, ...options })
    client.on('message', (topic, payload, packet) => {
      const { qos, retain, properties } = packet
      messages.push({ topic, payload: payload.toString('hex'), qos, retain, properties: properties ?? {} })
      deliver()
    })
    return new Promise(resolve => {
      client.once('connect', () => resolve(0))
      client.once('error', error => resolve(error.code))
      client.once('close', () => resolve('closed'))
    })
  },

  async subscribe (topic, qos) {
    const [granted] = await done(callback => client.subscribe(topic, { qos }, callback))
    return granted.qos
  },

  async publish (topic, payload, options) {
    await done(callback => client.publish(topic, Buffer.from(payload, 'hex'), options, callback))
  },

  receive () {
    return new Promise(resolve => {
      readers.push(resolve)
      deliver()
    })
  },

  end () {
    return done(callback => client.end(false, {}, callback))
  },

  // `bytes` is what the network brought: 300 stand for the head, whatever its size.
  async get (path) {
    const bytes = new Promise(resolve => new PerformanceObserver((list, observer) => {
      observer.disconnect()
      resolve(list.getEntries()[0].transferSize)
    }).observe({ type: 'resource' }))
    const response = await fetch(path)
    const { status, headers } = response
    return { status, type: headers.get('content-type'), text: await response.text(), bytes: await bytes }
  }
}
