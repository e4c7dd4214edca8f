// Publishes a post of each member: node publish.mjs HOST:PORT [structured|binary] [MEMBER...]
import { Kafka, Partitioners, logLevel } from "kafkajs";

const [broker, mode = "structured", ...given] = process.argv.slice(2);
const members = given.length ? given : ["cleo", "dan"];
const topic = process.env.TOPIC ?? "activity.events";

// A CloudEvent. The id names what happened, so that a repeated send is seen to be the same.
const post = (member) => ({
  specversion: "1.0",
  type: "activity.post.published",
  source: "/shop/community",
  id: `post-1-of-${member}`,
  subject: member,
  time: new Date().toISOString(),
  data: { media: true },
});

// Structured: the value is the event. Binary: the value is the data, the rest is in headers.
function message(event) {
  const key = event.subject;
  if (mode === "structured") {
    return { key, value: JSON.stringify(event), headers: { "content-type": "application/cloudevents+json" } };
  }
  const { data, ...attributes } = event;
  const headers = Object.fromEntries(Object.entries(attributes).map(([name, value]) => [`ce_${name}`, value]));
  return { key, value: JSON.stringify(data), headers: { "content-type": "application/json", ...headers } };
}

const kafka = new Kafka({ brokers: broker.split(","), logLevel: logLevel.ERROR });
// DefaultPartitioner is that of the Java client: murmur2 of the key. LegacyPartitioner is not.
const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, idempotent: true });
await producer.connect();
try {
  await producer.send({ topic, acks: -1, messages: members.map((member) => message(post(member))) });
} finally {
  await producer.disconnect();
}
