// What mqtt.js takes for granted, as Node.js has it and browsers do not.
import process from 'process/browser.js'
import { Buffer } from 'buffer/'

export { process, Buffer }
