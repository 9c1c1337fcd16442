//! A server that is none: it speaks MySQL's protocol as far as it takes to ask for what it must not get, and to answer
//! with what nobody should believe. The password does not leave, the program does not fall over, and what is missing is
//! said.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use csm_audit::live::address::TlsMode;
use csm_audit::live::facts::EnvironmentFacts;
use csm_audit::live::login::Login;
use csm_audit::live::secret::Secret;
use csm_audit::source::{Gap, GapKind};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::platform::{self, PASSWORD, read, request};
use crate::support::{self, Flavour, Server, ServerOptions};

/// CLIENT_LONG_PASSWORD, CLIENT_PROTOCOL_41, CLIENT_SECURE_CONNECTION, CLIENT_PLUGIN_AUTH, CLIENT_LOCAL_FILES,
/// CLIENT_DEPRECATE_EOF.
const CAPABILITIES: u32 = 0x1 | 0x80 | 0x200 | 0x8000 | 0x8_0000 | 0x100_0000;
const SSL: u32 = 0x800;

trait Wire: Read + Write {}
impl<T: Read + Write> Wire for T {}

/// One connection, as the rogue sees it.
struct Peer {
    wire: Box<dyn Wire>,
    sequence: u8,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Peer {
    fn say(&mut self, payload: &[u8]) -> bool {
        let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
        let mut packet = vec![length[0], length[1], length[2], self.sequence];
        packet.extend(payload);
        self.sequence = self.sequence.wrapping_add(1);
        self.wire.write_all(&packet).and_then(|()| self.wire.flush()).is_ok()
    }

    /// What the client says; empty when it has hung up.
    fn hear(&mut self) -> Vec<u8> {
        let mut header = [0; 4];
        if self.wire.read_exact(&mut header).is_err() {
            return Vec::new();
        }
        let mut payload = vec![0; usize::from(header[0]) | usize::from(header[1]) << 8 | usize::from(header[2]) << 16];
        if self.wire.read_exact(&mut payload).is_err() {
            return Vec::new();
        }
        self.sequence = header[3].wrapping_add(1);
        self.heard.lock().unwrap().extend(&payload);
        payload
    }

    fn greet(&mut self, method: &str, capabilities: u32) {
        let [a, b, c, d] = capabilities.to_le_bytes();
        let mut greeting = b"\x0a8.0.36\0\x07\0\0\0abcdefgh\0".to_vec();
        greeting.extend([a, b, 45, 2, 0, c, d, 21]);
        greeting.extend([0; 10]);
        greeting.extend(b"ijklmnopqrst\0");
        greeting.extend(method.bytes());
        greeting.push(0);
        self.say(&greeting);
    }

    fn switch_to(&mut self, method: &str, nonce: &[u8]) -> Vec<u8> {
        let mut message = vec![0xfe];
        message.extend(method.bytes());
        message.push(0);
        message.extend(nonce);
        message.push(0);
        self.say(&message);
        self.hear()
    }

    fn welcome(&mut self) {
        self.greet("mysql_native_password", CAPABILITIES);
        self.hear();
        self.say(&[0, 0, 0, 2, 0, 0, 0]);
    }
}

/// A server of the tests' own on loopback.
struct Rogue {
    port: u16,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Rogue {
    fn start(behave: impl Fn(&mut Peer) + Send + 'static) -> Self {
        Self::wrapped(|stream, _| Some(Box::new(stream)), behave)
    }

    fn wrapped(
        wrap: impl Fn(TcpStream, &mut Peer) -> Option<Box<dyn Wire>> + Send + 'static,
        behave: impl Fn(&mut Peer) + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let rogue = Self { port: listener.local_addr().unwrap().port(), heard: Arc::default() };
        let heard = rogue.heard.clone();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let wire = Box::new(client.try_clone().unwrap());
                let mut peer = Peer { wire, sequence: 0, heard: heard.clone() };
                if let Some(wire) = wrap(client, &mut peer) {
                    peer.wire = wire;
                    behave(&mut peer);
                }
            }
        });
        rogue
    }

    /// The same behind TLS, with a certificate of its own.
    fn behind_tls(certificates: &Server, behave: impl Fn(&mut Peer) + Send + 'static) -> Self {
        let folder = certificates.certificate_authority().parent().unwrap().to_path_buf();
        let find = |name: &str| folder.join(name);
        let chain = CertificateDer::pem_file_iter(find("server-cert.pem")).unwrap().map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_file(find("server-key.pem")).unwrap();
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let config = Arc::new(config);
        let wrap = move |stream: TcpStream, peer: &mut Peer| -> Option<Box<dyn Wire>> {
            peer.greet("caching_sha2_password", CAPABILITIES | SSL);
            if peer.hear().is_empty() {
                return None;
            }
            let connection = ServerConnection::new(config.clone()).unwrap();
            Some(Box::new(StreamOwned::new(connection, stream)))
        };
        Self::wrapped(wrap, behave)
    }

    fn login(&self) -> Login {
        Login {
            host: "127.0.0.1".to_owned(),
            port: self.port,
            socket: None,
            user: "audit".to_owned(),
            password: Some(Secret::new(PASSWORD)),
            tls: TlsMode::Preferred,
            ca: None,
            get_server_public_key: false,
            enable_cleartext_plugin: false,
        }
    }

    fn attempt(&self, login: &Login) -> (EnvironmentFacts, Vec<Gap>) {
        read(login, &["edxapp"], &request())
    }

    /// Why nothing could be read; the password has not been heard.
    fn refused(&self) -> String {
        let (facts, _) = self.attempt(&self.login());
        let [incomplete] = facts.incomplete.as_slice() else { panic!("{facts:?}") };
        assert!(!self.has_heard(PASSWORD), "{}", incomplete.reason);
        incomplete.reason.clone()
    }

    fn has_heard(&self, text: &str) -> bool {
        let heard = self.heard.lock().unwrap();
        heard.windows(text.len()).any(|window| window == text.as_bytes())
    }
}

const NONCE: &[u8; 20] = b"01234567890123456789";

#[test]
fn the_password_is_not_shown_to_a_server_that_asks_for_it() {
    for method in ["mysql_clear_password", "sha256_password"] {
        let rogue = Rogue::start(move |peer| {
            peer.greet("mysql_native_password", CAPABILITIES);
            peer.hear();
            peer.switch_to(method, NONCE);
        });
        let reason = rogue.refused();
        assert!(reason.contains(method) && reason.contains("enable-cleartext-plugin=true"), "{reason}");
        let (_, _) = rogue.attempt(&Login { enable_cleartext_plugin: true, ..rogue.login() });
        assert!(rogue.has_heard(PASSWORD), "{method}: an explicit option is obeyed");
    }
    for method in ["mysql_old_password", "dialog", "auth_gssapi_client", "\u{1b}[31m"] {
        let rogue = Rogue::start(move |peer| {
            peer.greet("mysql_clear_password", CAPABILITIES);
            peer.hear();
            peer.switch_to(method, NONCE);
        });
        let reason = rogue.refused();
        assert!(reason.contains("does not support") && !reason.contains('\u{1b}'), "{reason}");
    }
    let old = Rogue::start(|peer| {
        peer.greet("mysql_native_password", CAPABILITIES);
        peer.hear();
        peer.say(&[0xfe]);
        peer.hear();
    });
    assert!(old.refused().contains("mysql_old_password"));
}

#[test]
fn no_key_that_a_server_sends_is_believed() {
    let ask = |key: &'static [u8]| {
        Rogue::start(move |peer| {
            peer.greet("caching_sha2_password", CAPABILITIES);
            peer.hear();
            peer.say(&[1, 4]);
            if peer.hear() == [2] {
                let mut message = vec![1];
                message.extend(key);
                peer.say(&message);
                peer.hear();
                peer.say(&[0, 0, 0, 2, 0, 0, 0]);
            }
        })
    };
    let rogue = ask(b"");
    let reason = rogue.refused();
    assert!(reason.contains("get-server-public-key=true") && reason.contains("caching_sha2_password"), "{reason}");
    // A tiny key, one that is none, one that is cut off: whoever allows it sees an error and no panic.
    for key in [
        &b""[..],
        b"-----BEGIN PUBLIC KEY-----\nMDwwDQYJKoZIhvcNAQEBBQADKwAwKAIhAMnzoOYPCRkAxTSPlzE0nT6tGQ3dLZGOaXPxvqEIFIFdAgMBAAE=\n-----END PUBLIC KEY-----\n",
        b"-----BEGIN PUBLIC KEY-----\n!!!!\n-----END PUBLIC KEY-----",
        b"-----BEGIN RSA PUBLIC KEY-----\nMAA=\n-----END RSA PUBLIC KEY-----",
        b"-----BEGIN PUBLIC KEY-----\nMDww\n-----END PUBLIC KEY-----",
    ] {
        let rogue = ask(key);
        let (facts, _) = rogue.attempt(&Login { get_server_public_key: true, ..rogue.login() });
        assert_eq!(facts.incomplete.len(), 1, "{key:?}");
        assert!(facts.incomplete[0].reason.contains("key"), "{:?}", facts.incomplete);
    }
}

#[test]
fn encryption_without_proof_is_no_reason_to_show_the_password() {
    let Some(server) = support::start(Flavour::MariaDb, ServerOptions::new().tls()) else { return };
    let start = || {
        Rogue::behind_tls(&server, |peer| {
            peer.hear();
            peer.say(&[1, 4]);
            peer.hear();
            peer.say(&[0, 0, 0, 2, 0, 0, 0]);
        })
    };
    for tls in [TlsMode::Preferred, TlsMode::Required] {
        let rogue = start();
        let (facts, _) = rogue.attempt(&Login { tls, ..rogue.login() });
        assert!(facts.incomplete[0].reason.contains("get-server-public-key"), "{:?}", facts.incomplete);
        assert!(!rogue.has_heard(PASSWORD), "{tls:?}");
        // Whoever allows it is warned.
        let (_, _) = rogue.attempt(&Login { tls, get_server_public_key: true, ..rogue.login() });
        assert!(rogue.has_heard(PASSWORD), "{tls:?}");
    }
    // A certificate of an authority of the world proves no name under verify-ca; one that is unknown proves nothing.
    for tls in [TlsMode::VerifyCa, TlsMode::VerifyIdentity] {
        let rogue = start();
        rogue.attempt(&Login { tls, ..rogue.login() });
        assert!(!rogue.has_heard(PASSWORD) && !rogue.has_heard("audit"), "{tls:?}: it got as far as the log-in");
    }
    // Who the server is was proven: now it may ask.
    let rogue = start();
    rogue.attempt(&Login { tls: TlsMode::VerifyCa, ca: Some(server.certificate_authority()), ..rogue.login() });
    assert!(rogue.has_heard(PASSWORD));
}

#[test]
fn an_option_that_shows_the_password_is_warned_of() {
    let Some(server) = support::start(Flavour::MySql97, ServerOptions::new()) else { return };
    platform::fill(&server);
    platform::grant(&server, "audit");
    let login = Login { get_server_public_key: false, ..platform::login(&server, "audit") };
    let places = |login: &Login| {
        vec![csm_audit::live::DataSource::Server { login: login.clone(), database: "edxapp".to_owned() }]
    };
    let attempt = |login: &Login| {
        csm_audit::live::read(&csm_audit::live::Source { name: "prod".to_owned(), places: places(login) }, &request())
    };
    let (facts, _) = attempt(&login);
    assert!(facts.incomplete[0].reason.contains("was not sent"), "{:?}", facts.incomplete);
    let (facts, gaps) = attempt(&Login { get_server_public_key: true, ..login.clone() });
    assert_eq!(facts.incomplete, []);
    let warned = |gaps: &[Gap]| gaps.iter().any(|gap| gap.kind == GapKind::PasswordShown);
    assert!(warned(&gaps), "{gaps:?}");
    // The server knows the account now, and the challenge is enough.
    let (facts, gaps) = attempt(&login);
    assert_eq!(facts.incomplete, []);
    assert!(!warned(&gaps), "{gaps:?}");
}

#[test]
fn accounts_of_mariadb_that_sign_are_let_in() {
    let Some(server) = support::start(Flavour::MariaDb, ServerOptions::new()) else { return };
    platform::fill(&server);
    let plugins = ["ed25519", "parsec"];
    for plugin in plugins {
        // Debian's MariaDB 10.11 has no parsec, and its ed25519 is a plugin to be loaded.
        if server.try_execute(&format!("INSTALL SONAME 'auth_{plugin}'")).is_err() {
            support::skip::skipped(&format!("MariaDB has no plugin auth_{plugin} here"));
            continue;
        }
        server.execute(&format!(
            "CREATE USER '{plugin}'@'127.0.0.1' IDENTIFIED VIA {plugin} USING PASSWORD({}); GRANT SELECT ON edxapp.* TO \
             '{plugin}'@'127.0.0.1'",
            platform::quoted(PASSWORD)
        ));
        let login = platform::login(&server, plugin);
        let (facts, _) = read(&login, &["edxapp"], &request());
        assert_eq!(facts.incomplete, [], "{plugin}");
        let (facts, _) = read(&Login { password: Some("wrong".into()), ..login }, &["edxapp"], &request());
        assert!(facts.incomplete[0].reason.contains("1045"), "{plugin}: {:?}", facts.incomplete);
    }
}

#[test]
fn parsec_is_answered_within_bounds() {
    // 2^30 rounds of PBKDF2 would take minutes.
    for salt in [&b"P\x14ssssssssssssssssss"[..], b"P", b"X\x00ssssssssssssssssss"] {
        let rogue = Rogue::start(move |peer| {
            peer.greet("mysql_native_password", CAPABILITIES);
            peer.hear();
            assert!(peer.switch_to("parsec", &[7; 32]).is_empty());
            peer.say(&[&[1], salt].concat());
            peer.hear();
        });
        let begun = Instant::now();
        assert!(rogue.refused().contains("parsec"));
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
    let rogue = Rogue::start(|peer| {
        peer.greet("mysql_native_password", CAPABILITIES);
        peer.hear();
        peer.switch_to("client_ed25519", b"short");
    });
    assert!(rogue.refused().contains("challenge is too short"));
}

/// What a rogue answers to the first statement.
type Answer = fn(&mut Peer);

fn column(name: &str) -> Vec<u8> {
    let mut definition = b"\x03def\0\0\0".to_vec();
    for text in [name, ""] {
        definition.push(u8::try_from(text.len()).unwrap());
        definition.extend(text.bytes());
    }
    definition.extend([12, 45, 0, 255, 0, 0, 0, 253, 0, 0, 0, 0, 0]);
    definition
}

#[test]
fn answers_that_break_the_protocol_end_one_environment() {
    let answers: [(&str, Answer); 9] = [
        ("requests a local file", |peer| {
            peer.say(b"\xfb/etc/passwd");
        }),
        ("columns", |peer| {
            peer.say(b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f");
        }),
        ("column", |peer| {
            peer.say(b"\x01");
            peer.say(b"\x03de");
        }),
        ("row", |peer| {
            peer.say(b"\x01");
            peer.say(&column("a"));
            peer.say(b"\xfe\0\0\x02\0");
            peer.say(b"\xfdabc");
        }),
        ("early eof", |peer| {
            let _ = peer.wire.write_all(b"\xff\xff\xff\x01truncated");
        }),
        ("out of order", |peer| {
            let _ = peer.wire.write_all(b"\x01\0\0\x09\0");
        }),
        ("", |peer| {
            let _ = peer.wire.write_all(b"\x00\0\0\x01");
        }),
        ("without a number", |peer| {
            peer.say(b"\xff");
        }),
        ("::error::", |peer| {
            peer.say(b"\xff\x05\x04#42000\n::error::\x1b[2J\xe2\x80\xae\xff");
        }),
    ];
    for (expected, answer) in answers {
        let rogue = Rogue::start(move |peer| {
            peer.welcome();
            if !peer.hear().is_empty() {
                answer(peer);
            }
        });
        let reason = rogue.refused();
        assert!(reason.contains(expected), "{expected}: {reason}");
        assert!(!reason.contains(['\n', '\u{1b}', '\u{202e}']), "{reason:?}");
    }
    let greetings: [&[u8]; 6] =
        [b"", b"\x0a", b"\x0a8.0\0\x01\0", b"\x09old", b"\xff\x10\x04Too many\n::error::x", b"SSH-2.0-OpenSSH"];
    for greeting in greetings {
        let rogue = Rogue::start(move |peer| {
            peer.say(greeting);
        });
        let reason = rogue.refused();
        assert!(!reason.is_empty() && !reason.contains('\n'), "{reason:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_endless_result_is_cut_off() {
    let rogue = Rogue::start(|peer| {
        peer.welcome();
        if peer.hear().is_empty() {
            return;
        }
        peer.say(b"\x01");
        peer.say(&column("a"));
        peer.say(b"\xfe\0\0\x02\0");
        let row = [&[0xfc, 0xe8, 0x03][..], &[b'x'; 1000]].concat();
        while peer.say(&row) {}
    });
    // Of the whole program: what it takes at most.
    let home = tempfile::tempdir().unwrap();
    let url = format!("prod=mysql://audit@127.0.0.1:{}/edxapp", rogue.port);
    let mut child = platform::program(home.path())
        .args(["snapshot", "--timeout=60", "-o", "out.json", &url])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut most = 0;
    let code = loop {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0").trim();
        most = most.max(peak.trim_end_matches(" kB").parse::<u64>().unwrap_or(0));
        if let Some(status) = child.try_wait().unwrap() {
            break status.code();
        }
        thread::sleep(Duration::from_millis(10));
    };
    let output = child.wait_with_output().unwrap();
    assert_eq!(code, Some(3), "{}", platform::said(&output));
    assert!(platform::said(&output).contains("longer than"), "{}", platform::said(&output));
    assert!(most < 600 << 10, "{most} kB");
}
