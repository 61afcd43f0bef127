// A mailroom against docexchange, in Java (11 or newer) with com.rabbitmq:amqp-client 5
// (Debian: default-jdk-headless librabbitmq-client-java libslf4j-java).
//
//   export MAILROOM_URL='amqps://LOGIN:PASSWORD@BROKER:5671/VHOST'
//   CP=/usr/share/java/amqp-client.jar:/usr/share/java/slf4j-api.jar:/usr/share/java/slf4j-nop.jar
//   java -cp $CP Mailroom.java submit letter.json      or letter.edxml; prints the reply, exit 1: problem
//   java -cp $CP Mailroom.java receive FOLDER [CODE]   one document: stored, acked, its status reported
//   java -cp $CP Mailroom.java events [COUNT]          prints events, one JSON a line

import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.DefaultConsumer;
import com.rabbitmq.client.Envelope;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

public class Mailroom {
    static final int SECONDS = 30; // to wait for a reply
    static final String EDXML = "application/xml";
    static final String JSON = "application/vnd.docexchange.submission+json";

    /** A message in hand. */
    static class Delivery {
        final long tag;
        final AMQP.BasicProperties properties;
        final byte[] body;

        Delivery(long tag, AMQP.BasicProperties properties, byte[] body) {
            this.tag = tag;
            this.properties = properties;
            this.body = body;
        }

        String text() {
            return new String(body, StandardCharsets.UTF_8);
        }
    }

    /** What to do with a message before it is acked; true ends the reading. */
    interface Take {
        boolean take(Delivery delivery) throws IOException;
    }

    final Channel channel;
    final String login;
    volatile String returned;

    Mailroom(Channel channel, String login) throws IOException {
        this.channel = channel;
        this.login = login;
        channel.confirmSelect();
        channel.basicQos(1);
        channel.addReturnListener((code, text, exchange, key, properties, body) -> returned = code + " " + text);
    }

    /** Publish one message; its message_id when the broker has confirmed it. */
    String publish(String key, String type, String contentType, byte[] body) throws Exception {
        String id = UUID.randomUUID().toString(); // keep it with your document: the same id again is harmless
        AMQP.BasicProperties properties = new AMQP.BasicProperties.Builder()
            .messageId(id).type(type).contentType(contentType).deliveryMode(2).userId(login)
            .headers(Map.of("x-contract", "mailroom/1")).build();
        channel.basicPublish("mr.submit", key, true, properties, body); // mandatory
        channel.waitForConfirmsOrDie(SECONDS * 1000L); // a nack: the queue is full, try again in 30 s
        if (returned != null) {
            throw new IOException("returned: " + returned + "; tell the administrator");
        }
        return id;
    }

    /** The messages of a queue until `take` says true, each acked after `take`. */
    Delivery consume(String queue, Take take) throws Exception {
        BlockingQueue<Delivery> coming = new LinkedBlockingQueue<>();
        String tag = channel.basicConsume(queue, false, new DefaultConsumer(channel) {
            @Override
            public void handleDelivery(String tag, Envelope envelope, AMQP.BasicProperties properties, byte[] body) {
                coming.add(new Delivery(envelope.getDeliveryTag(), properties, body));
            }
        });
        while (true) {
            Delivery delivery = coming.poll(SECONDS, TimeUnit.SECONDS);
            if (delivery == null) {
                throw new IOException("nothing in " + queue);
            }
            boolean done = take.take(delivery);
            if (done) {
                channel.basicCancel(tag); // before the ack: the next one stays in the queue
            }
            channel.basicAck(delivery.tag, false);
            if (done) {
                return delivery;
            }
        }
    }

    /** The node's reply to a message. A real system has one reader that files all replies. */
    int told(String id) throws Exception {
        Delivery reply = consume("mr.replies", one -> {
            if (id.equals(one.properties.getCorrelationId())) {
                return true;
            }
            System.err.println("an earlier reply: " + one.text());
            return false;
        });
        System.out.println(reply.text());
        return "document.accepted.v1".equals(reply.properties.getType()) ? 0 : 1;
    }

    int submit(Path file) throws Exception {
        String type = file.toString().endsWith(".json") ? JSON : EDXML;
        return told(publish("submit.document", "document.submit.v1", type, Files.readAllBytes(file)));
    }

    int receive(Path folder, String code) throws Exception {
        Delivery document = consume("mr.inbox", one -> {
            // The same message_id again is the same file; acked when it is stored.
            Files.write(folder.resolve(one.properties.getMessageId() + ".edxml"), one.body);
            return true;
        });
        String id = document.properties.getMessageId();
        System.out.printf("{\"file\": \"%s\", \"from\": \"%s\"}%n",
            folder.resolve(id + ".edxml"), document.properties.getHeaders().get("x-organ-from"));
        String report = String.format(
            "{\"tracking_id\": \"%s\", \"code\": \"%s\", \"staff\": {\"name\": \"Trần Thị B\"}}", id, code);
        return told(publish("submit.status", "status.report.v1", "application/json",
            report.getBytes(StandardCharsets.UTF_8)));
    }

    /** `data.sequence` counts the events of a document, so a gap shows. */
    int events(int count) throws Exception {
        int[] left = {count};
        consume("mr.events", one -> {
            System.out.println(one.text());
            left[0] -= 1;
            return left[0] == 0;
        });
        return 0;
    }

    int run(String[] arguments) throws Exception {
        String second = arguments.length > 1 ? arguments[1] : "";
        switch (arguments[0]) {
            case "submit": return submit(Path.of(second));
            case "receive": return receive(Path.of(second), arguments.length > 2 ? arguments[2] : "03");
            case "events": return events(second.isEmpty() ? 1 : Integer.parseInt(second));
            default: throw new IllegalArgumentException("submit, receive or events");
        }
    }

    public static void main(String[] arguments) throws Exception {
        System.setOut(new java.io.PrintStream(System.out, true, StandardCharsets.UTF_8));
        ConnectionFactory factory = new ConnectionFactory();
        factory.setUri(System.getenv("MAILROOM_URL"));
        int code;
        try (Connection connection = factory.newConnection("mailroom"); Channel channel = connection.createChannel()) {
            code = new Mailroom(channel, factory.getUsername()).run(arguments);
        }
        System.exit(code);
    }
}
