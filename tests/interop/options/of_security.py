"""Options of TLS, and of who may log in and do what."""

import ssl
import subprocess

import peers
from clients import CLOSED, Client
from peers import PATIENCE, SecretStream
from table import NOW, of_listener, shows

SERVER = "certfile {server_pem}\nkeyfile {server_key}\n"
CLIENTS = SERVER + "cafile {ca}\nrequire_certificate true\n"
KEY = "000102030405060708090a0b0c0d0e0f"
PSK = ("-psk_identity", "sensor", "-psk", KEY)


def tls(on, name=None, **versions):
    """A TLS stream, with the client certificate of that name."""
    context = peers.tls_context(on.kit.ca.pem, on.kit.pairs[name] if name else None, **versions)
    return on.stack.enter_context(context.wrap_socket(on.tcp(), server_hostname="localhost"))


def code(on, name=None, **more):
    """What CONNECT is answered with, or CLOSED if TLS does not get so far."""
    try:
        return Client(tls(on, name), **more).code
    except OSError:
        return CLOSED


def user_of(on, name):
    client = Client(tls(on, name))
    if client.code != 0:
        return client.code
    return on.logged(rf" as {client.id} ")


def served(on):
    """The Common Name in the server's certificate."""
    context = ssl.create_default_context(cafile=str(on.kit.ca.pem))
    context.check_hostname = False
    with context.wrap_socket(on.tcp()) as stream:
        return stream.getpeercert()["subject"][0][0][1]


@of_listener("certfile", "{other_pem}\nkeyfile {other_key}", sees="other",
             other="{server_pem}\nkeyfile {server_key}", else_sees="localhost", taken=NOW, wrong="/nonexistent")
@of_listener("keyfile", "{other_key}\ncertfile {other_pem}", sees="other",
             other="{server_key}\ncertfile {server_pem}", else_sees="localhost", taken=NOW, wrong="/nonexistent")
def certificate(on):
    return served(on)


@of_listener("cafile", "{ca}", sees=(0, CLOSED), other="{foreign}", else_sees=(CLOSED, 0), taken=NOW,
             listener=SERVER + "require_certificate true", wrong="/nonexistent")
@of_listener("capath", "{ca_path}", sees=(0, CLOSED), other="{foreign_path}", else_sees=(CLOSED, 0), taken=NOW,
             listener=SERVER + "require_certificate true", wrong="/nonexistent")
def authorities(on):
    return code(on, "alice"), code(on, "stranger")


@of_listener("require_certificate", "true", sees=(0, CLOSED), other="false", else_sees=(0, 0),
             listener=SERVER + "cafile {ca}", wrong="optional")
def require_certificate(on):
    return code(on, "alice"), code(on)


@of_listener("crlfile", "{crl}", sees=(0, CLOSED), else_sees=(0, 0), taken=NOW, listener=CLIENTS, wrong="/nonexistent")
def revoked(on):
    return code(on, "alice"), code(on, "revoked")


@of_listener("disable_client_cert_date_checks", "true", sees=0, else_sees=CLOSED, listener=CLIENTS, wrong="perhaps")
def dates(on):
    return code(on, "expired")


@of_listener("use_identity_as_username", "true", sees=True, else_sees=False, listener=CLIENTS, wrong="cn")
def common_name(on):
    return "u'alice'" in user_of(on, "alice")


@of_listener("use_subject_as_username", "true", sees=True, else_sees=False, listener=CLIENTS, wrong="subject")
def subject(on):
    return "u'CN=alice,O=Bramble'" in user_of(on, "alice")


def s_client(on, *words):
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{on.port}", *words], input=b"",
                          capture_output=True, timeout=PATIENCE)
    return (done.stdout + done.stderr).decode(errors="replace")


@of_listener("ciphers", "ECDHE-ECDSA-CHACHA20-POLY1305", sees=True, else_sees=False, taken=NOW, listener=SERVER,
             wrong="NO-SUCH-CIPHER")
def ciphers(on):
    return "Cipher is ECDHE-ECDSA-CHACHA20-POLY1305" in s_client(on, "-tls1_2")


@of_listener("ciphers_tls1.3", "TLS_CHACHA20_POLY1305_SHA256", sees=True, else_sees=False, taken=NOW, listener=SERVER,
             wrong="NO_SUCH_SUITE")
def suites(on):
    return "Cipher is TLS_CHACHA20_POLY1305_SHA256" in s_client(on, "-tls1_3")


@of_listener("tls_curves", "X448", sees=True, else_sees=False, taken=NOW, listener=SERVER, wrong="no-curve")
def curves(on):
    return "Server Temp Key: X448" in s_client(on, "-tls1_3")


@of_listener("tls_version", "tlsv1.3", sees=False, other="tlsv1.2", else_sees=True, taken=NOW, listener=SERVER,
             wrong="tlsv1.1")
def version(on):
    try:
        tls(on, most=ssl.TLSVersion.TLSv1_2)
    except OSError:
        return False
    return True


@of_listener("dhparamfile", "{dh}", sees=True, else_sees=False, taken=NOW, wrong="/nonexistent",
             listener="certfile {rsa_pem}\nkeyfile {rsa_key}\nciphers DHE-RSA-AES256-GCM-SHA384")
def parameters(on):
    return "Server Temp Key: DH, 3072 bits" in s_client(on, "-tls1_2", "-cipher", "DHE")


def by_key(on, *words):
    stream = SecretStream(on.port, "-tls1_3", *(words or PSK))
    on.stack.callback(stream.close)
    return Client(stream).code


@of_listener("psk_hint", "hint", sees=0, else_sees=CLOSED, taken=NOW, top="psk_file {keys}")
def psk(on):
    return by_key(on)


@shows("psk_file", "{keys}", sees=(0, CLOSED), other="{other_keys}", else_sees=(CLOSED, 0), taken=NOW,
       listener="psk_hint hint", wrong="/nonexistent")
def keys(on):
    return by_key(on), by_key(on, "-psk_identity", "other", "-psk", KEY)


# --- logging in


@shows("allow_anonymous", "true", sees=0, other="false", else_sees=0x87, wrong="maybe")
@of_listener("listener_allow_anonymous", "true", sees=0, else_sees=0x87, top="allow_anonymous false", wrong="maybe")
def anonymous(on):
    return on.code()


@shows("password_file", "{users}", sees=(0, 0x87), other="{other_users}", else_sees=(0x87, 0), taken=NOW,
       wrong="/nonexistent")
def passwords(on):
    return on.code(user="anna", password="secret"), on.code(user="anna", password="other")


@shows("acl_file", "{rules}", sees=[b"yes"], else_sees=[b"yes", b"no"], taken=NOW, wrong="/nonexistent")
def rules(on):
    client = on.client()
    client.subscribe("#")
    client.publish("open/door", b"yes", 1)
    client.publish("shut/door", b"no", 1)
    return [message.payload for message in client.drain()]


@shows("check_retain_source", "true", sees=[], other="false", else_sees=[b"kept"], taken=NOW, wrong="perhaps",
       top="acl_file {changing_rules}")
def retain_source(on):
    """What is sent of a message whose publisher might not publish it any more."""
    def hold(rules):
        on.kit.names["changing_rules"].write_text(rules)
        on.reload(on.config.read_text(), "holds")

    hold("topic readwrite #\n")
    on.client().publish("topic", b"kept", 1, retain=True)
    hold("topic read #\n")
    reader = on.client()
    reader.subscribe("topic")
    return [message.payload for message in reader.drain()]
