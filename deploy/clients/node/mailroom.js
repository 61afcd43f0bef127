// A mailroom against docexchange, in Node with amqplib.
//
//   export MAILROOM_URL='amqps://LOGIN:PASSWORD@BROKER:5671/VHOST'
//   node mailroom.js submit letter.json      or letter.edxml; prints the reply, exit 1: problem
//   node mailroom.js receive FOLDER [CODE]   one document: stored, acked, its status reported
//   node mailroom.js events [COUNT]          prints events, one JSON a line
'use strict';
const amqp = require('amqplib');
const fs = require('fs');
const path = require('path');
const { randomUUID } = require('crypto');

const URL_ = process.env.MAILROOM_URL;
const LOGIN = decodeURIComponent(new URL(URL_ || 'set:MAILROOM_URL').username);
const SECONDS = 30; // to wait for a reply
const EDXML = 'application/xml';
const JSON_ = 'application/vnd.docexchange.submission+json';

// Publish one message; its message_id when the broker has confirmed it.
async function publish(channel, key, type, contentType, body) {
  const messageId = randomUUID(); // keep it with your document: the same id again is harmless
  let returned = null;
  channel.once('return', (message) => { returned = message.fields.replyText; });
  channel.publish('mr.submit', key, body, {
    mandatory: true, persistent: true, messageId, type, contentType,
    userId: LOGIN, headers: { 'x-contract': 'mailroom/1' },
  });
  await channel.waitForConfirms(); // rejects on a nack: the queue is full, try again in 30 s
  if (returned) throw new Error(`returned: ${returned}; tell the administrator`);
  return messageId;
}

// The messages of a queue until `take` says true, each acked after `take`.
function consume(channel, queue, take) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`nothing in ${queue}`)), SECONDS * 1000);
    const consumerTag = randomUUID();
    let done = false;
    channel.consume(queue, async (message) => {
      if (done || !message) return; // what is in hand unacked comes again
      try {
        done = await take(message);
        channel.ack(message);
        if (!done) return;
        clearTimeout(timer);
        await channel.cancel(consumerTag);
        resolve(message);
      } catch (error) { reject(error); }
    }, { consumerTag }).catch(reject);
  });
}

// The node's reply to a message. A real system has one reader that files all replies.
async function replyTo(channel, messageId) {
  const message = await consume(channel, 'mr.replies', (one) => {
    if (one.properties.correlationId === messageId) return true;
    console.error('an earlier reply:', one.content.toString());
    return false;
  });
  return JSON.parse(message.content);
}

function told(reply) {
  console.log(JSON.stringify(reply));
  return reply.status === 'accepted' ? 0 : 1;
}

async function submit(channel, file) {
  const type = path.extname(file) === '.json' ? JSON_ : EDXML;
  const body = fs.readFileSync(file);
  const ref = await publish(channel, 'submit.document', 'document.submit.v1', type, body);
  return told(await replyTo(channel, ref));
}

async function receive(channel, folder, code = '03') {
  const message = await consume(channel, 'mr.inbox', (one) => {
    // The same message_id again is the same file; acked when it is stored.
    fs.writeFileSync(path.join(folder, `${one.properties.messageId}.edxml`), one.content);
    return true;
  });
  const trackingId = message.properties.messageId;
  const from = message.properties.headers['x-organ-from'];
  console.log(JSON.stringify({ file: path.join(folder, `${trackingId}.edxml`), from }));
  const report = { tracking_id: trackingId, code, staff: { name: 'Trần Thị B' } };
  const body = Buffer.from(JSON.stringify(report));
  const ref = await publish(channel, 'submit.status', 'status.report.v1', 'application/json', body);
  return told(await replyTo(channel, ref));
}

// `data.sequence` counts the events of a document, so a gap shows.
async function events(channel, count = '1') {
  let left = Number(count);
  await consume(channel, 'mr.events', (message) => {
    console.log(JSON.stringify(JSON.parse(message.content)));
    left -= 1;
    return left === 0;
  });
  return 0;
}

async function main(command, ...args) {
  const connection = await amqp.connect(URL_);
  try {
    const channel = await connection.createConfirmChannel();
    await channel.prefetch(1);
    return await { submit, receive, events }[command](channel, ...args);
  } finally {
    await connection.close();
  }
}

main(...process.argv.slice(2)).then(
  (code) => { process.exitCode = code; },
  (error) => { console.error(String(error)); process.exitCode = 2; },
);
