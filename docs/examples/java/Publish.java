import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Publishes a post of each member: java -cp 'lib/*' Publish.java HOST:PORT [structured|binary] [MEMBER...] */
public class Publish {
    static final ObjectMapper JSON = new ObjectMapper();

    /** A CloudEvent without its data. The id names what happened, so that a repeated send is seen to be the same. */
    static Map<String, String> attributes(String member) {
        return Map.of(
                "specversion", "1.0",
                "type", "activity.post.published",
                "source", "/shop/community",
                "id", "post-1-of-" + member,
                "subject", member,
                "time", Instant.now().toString());
    }

    static ProducerRecord<String, byte[]> record(String topic, String member, boolean binary) throws Exception {
        Map<String, String> attributes = attributes(member);
        Map<String, Object> data = Map.of("media", true);
        if (binary) { // the value is the data, the rest is in headers
            ProducerRecord<String, byte[]> made = new ProducerRecord<>(topic, member, JSON.writeValueAsBytes(data));
            made.headers().add("content-type", bytes("application/json"));
            attributes.forEach((name, value) -> made.headers().add("ce_" + name, bytes(value)));
            return made;
        }
        var event = new java.util.LinkedHashMap<String, Object>(attributes);
        event.put("data", data);
        ProducerRecord<String, byte[]> made = new ProducerRecord<>(topic, member, JSON.writeValueAsBytes(event));
        made.headers().add("content-type", bytes("application/cloudevents+json"));
        return made;
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    public static void main(String[] arguments) throws Exception {
        String topic = System.getenv().getOrDefault("TOPIC", "activity.events");
        boolean binary = arguments.length > 1 && arguments[1].equals("binary");
        List<String> members = arguments.length > 2
                ? List.of(arguments).subList(2, arguments.length) : List.of("cleo", "dan");
        Map<String, Object> settings = Map.of("bootstrap.servers", arguments[0], "acks", "all");
        // the default partitioner is the one that the others have to match: murmur2 of the key
        try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new ByteArraySerializer())) {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (String member : members) {
                sent.add(producer.send(record(topic, member, binary)));
            }
            for (Future<RecordMetadata> one : sent) {
                one.get(); // throws when Kafka does not have it
            }
        }
    }
}
