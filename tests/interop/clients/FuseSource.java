import java.io.EOFException;
import java.io.FileInputStream;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.fusesource.mqtt.client.BlockingConnection;
import org.fusesource.mqtt.client.MQTT;
import org.fusesource.mqtt.client.MQTTException;
import org.fusesource.mqtt.client.Message;
import org.fusesource.mqtt.client.QoS;
import org.fusesource.mqtt.client.Topic;

/** A conversation with FuseSource's client: FuseSource URL 3|4 NAME. conversations.py has what it says. */
public class FuseSource {
    static final int PATIENCE_SECONDS = 10;
    static String url, version, name;

    static void require(boolean holds, String what) {
        if (holds) return;
        System.out.println(what);
        System.exit(1);
    }

    static SSLContext trusting(String authority) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (FileInputStream file = new FileInputStream(authority)) {
            store.setCertificateEntry("ours", CertificateFactory.getInstance("X.509").generateCertificate(file));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return context;
    }

    static MQTT client(String suffix) throws Exception {
        MQTT made = new MQTT();
        made.setHost(url.replace("mqtts:", "tls:").replace("mqtt:", "tcp:"));
        if (url.startsWith("mqtts:")) made.setSslContext(trusting(System.getenv("MQTT_CA")));
        made.setVersion(version);
        made.setClientId(name + suffix);
        made.setUserName(System.getenv("MQTT_USER"));
        made.setPassword(System.getenv("MQTT_PASSWORD"));
        made.setConnectAttemptsMax(0);
        made.setReconnectAttemptsMax(0);
        return made;
    }

    static BlockingConnection connected(MQTT client) throws Exception {
        BlockingConnection made = client.blockingConnection();
        made.connect();
        return made;
    }

    static void subscribe(BlockingConnection connection, String topic) throws Exception {
        byte[] granted = connection.subscribe(new Topic[] {new Topic(topic, QoS.EXACTLY_ONCE)});
        require(granted.length == 1 && granted[0] == 2, "QoS 2 was not granted");
    }

    static void publish(BlockingConnection connection, String topic, String text, QoS qos, boolean retain)
            throws Exception {
        connection.publish(topic, text.getBytes(StandardCharsets.UTF_8), qos, retain);
    }

    /** It tells neither QoS nor retain of what comes. */
    static void expect(BlockingConnection connection, String topic, String text) throws Exception {
        Message message = connection.receive(PATIENCE_SECONDS, TimeUnit.SECONDS);
        require(message != null, "nothing came for " + text);
        String got = message.getTopic() + ": " + new String(message.getPayload(), StandardCharsets.UTF_8);
        require(got.equals(topic + ": " + text), got);
        message.ack();
    }

    static void isRefused() throws Exception {
        MQTT client = client("_no");
        client.setPassword("wrong");
        try {
            connected(client);
            require(false, "a wrong password was taken");
        } catch (MQTTException error) {
            require(error.connack.code().toString().equals("CONNECTION_REFUSED_NOT_AUTHORIZED"), error.connack.toString());
        } catch (EOFException error) {
            // now and then it sees the end of the connection before the CONNACK that it has read, with Mosquitto, too
        }
    }

    static void exchanges(BlockingConnection connection) throws Exception {
        subscribe(connection, name + "/plain");
        for (QoS qos : QoS.values()) {
            publish(connection, name + "/plain", qos.toString(), qos, false);
            expect(connection, name + "/plain", qos.toString());
        }
    }

    static void retains(BlockingConnection connection) throws Exception {
        publish(connection, name + "/retained", "kept", QoS.AT_LEAST_ONCE, true);
        subscribe(connection, name + "/retained");
        expect(connection, name + "/retained", "kept");
    }

    static void leavesItsWill(BlockingConnection connection) throws Exception {
        subscribe(connection, name + "/will");
        MQTT dying = client("_w");
        dying.setWillTopic(name + "/will");
        dying.setWillMessage("gone");
        dying.setWillQos(QoS.EXACTLY_ONCE);
        connected(dying).kill();
        expect(connection, name + "/will", "gone");
    }

    static void keepsItsSession(BlockingConnection connection) throws Exception {
        MQTT client = client("_s");
        client.setCleanSession(false);
        BlockingConnection away = connected(client);
        subscribe(away, name + "/session");
        away.disconnect();
        QoS[] levels = {QoS.AT_LEAST_ONCE, QoS.EXACTLY_ONCE};
        for (QoS qos : levels) publish(connection, name + "/session", "away " + qos, qos, false);
        BlockingConnection back = connected(client);
        for (QoS qos : levels) expect(back, name + "/session", "away " + qos);
        back.disconnect();
    }

    interface Step {
        void check(BlockingConnection connection) throws Exception;
    }

    static void step(String called, Step step, BlockingConnection connection) throws Exception {
        step.check(connection);
        System.out.println(called);
    }

    public static void main(String[] words) throws Exception {
        url = words[0];
        version = words[1].equals("3") ? "3.1" : "3.1.1";
        name = words[2];
        isRefused();
        System.out.println("refused");
        BlockingConnection connection = connected(client(""));
        step("qos", FuseSource::exchanges, connection);
        step("retained", FuseSource::retains, connection);
        step("will", FuseSource::leavesItsWill, connection);
        step("session", FuseSource::keepsItsSession, connection);
        connection.disconnect();
        System.exit(0);
    }
}
