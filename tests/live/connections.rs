//! Encrypted or not, over TCP or a socket.

use csm_audit::live::Limits;
use csm_audit::live::address::TlsMode;
use csm_audit::live::facts::EnvironmentFacts;
use csm_audit::live::login::Login;
use csm_audit::source::Gap;
use std::time::Duration;

use crate::platform::{PASSWORD, fill, grant, login, quoted, read, request};
use crate::support::{self, Flavour, Server, ServerOptions};

fn with(server: &Server, tls: TlsMode, ca: bool) -> Login {
    Login { tls, ca: ca.then(|| server.certificate_authority()), ..login(server, "audit") }
}

fn attempt(login: &Login) -> (EnvironmentFacts, Vec<Gap>) {
    read(login, &["edxapp"], &request())
}

#[test]
fn tls_is_used_and_verified_as_asked() {
    for flavour in [Flavour::MariaDb, Flavour::MySql97] {
        let Some(server) = support::start(flavour, ServerOptions::new().tls()) else { continue };
        fill(&server);
        grant(&server, "audit");
        for (tls, ca) in [
            (TlsMode::Preferred, false),
            (TlsMode::Required, false),
            (TlsMode::VerifyCa, true),
            (TlsMode::VerifyIdentity, true),
        ] {
            let (facts, gaps) = attempt(&with(&server, tls, ca));
            assert_eq!(gaps, [], "{flavour} {tls:?}");
            assert!(facts.servers[0].encrypted, "{flavour} {tls:?}");
        }
        assert!(!attempt(&with(&server, TlsMode::Disabled, false)).0.servers[0].encrypted);
        // Signed by nobody that is known.
        let (facts, _) = attempt(&with(&server, TlsMode::VerifyCa, false));
        assert!(
            facts.incomplete[0].reason.contains("invalid peer certificate: UnknownIssuer"),
            "{flavour}: {:?}",
            facts.incomplete
        );

        let only_encrypted = format!(
            "CREATE USER 'tls'@'127.0.0.1' IDENTIFIED BY {} REQUIRE SSL; GRANT SELECT ON edxapp.* TO 'tls'@'127.0.0.1'",
            quoted(PASSWORD)
        );
        server.execute(&only_encrypted);
        let login = |tls| Login { user: "tls".to_owned(), ..with(&server, tls, true) };
        assert_eq!(attempt(&login(TlsMode::VerifyCa)).0.incomplete, [], "{flavour}");
        assert!(attempt(&login(TlsMode::Disabled)).0.incomplete[0].reason.contains("1045"), "{flavour}");
    }
}

#[test]
fn a_name_that_the_certificate_lacks_is_refused_where_it_counts() {
    let Some(server) = support::start(Flavour::MariaDb, ServerOptions::new().tls().line("bind_address=0.0.0.0")) else {
        return;
    };
    fill(&server);
    server.execute(&format!(
        "CREATE USER 'audit'@'%' IDENTIFIED BY {0}; GRANT SELECT ON edxapp.* TO 'audit'@'%'",
        quoted(PASSWORD)
    ));
    // Another address of this machine, which the certificate does not name.
    let login = |tls| Login { host: "127.0.0.2".to_owned(), ..with(&server, tls, true) };
    assert_eq!(attempt(&login(TlsMode::VerifyCa)).0.incomplete, []);
    let (facts, _) = attempt(&login(TlsMode::VerifyIdentity));
    assert!(facts.incomplete[0].reason.contains("certificate not valid for name"), "{:?}", facts.incomplete);
}

#[test]
fn a_server_that_cannot_encrypt_is_told_of() {
    // The old server's TLS is too old to be spoken.
    for (flavour, options) in [
        (Flavour::MariaDb, ServerOptions::new()),
        (Flavour::MySql56, ServerOptions::new()),
        (Flavour::MySql56, ServerOptions::new().tls()),
    ] {
        let Some(server) = support::start(flavour, options) else { continue };
        fill(&server);
        grant(&server, "audit");
        let (facts, gaps) = attempt(&with(&server, TlsMode::Preferred, false));
        assert_eq!(facts.incomplete, [], "{flavour}");
        assert!(!facts.servers[0].encrypted, "{flavour}");
        assert_eq!(
            gaps.iter().map(|gap| gap.kind.as_str()).collect::<Vec<_>>(),
            ["connection-in-the-clear"],
            "{gaps:?}"
        );
        let (facts, _) = attempt(&with(&server, TlsMode::Required, false));
        assert_eq!(facts.incomplete.len(), 1, "{flavour}");
        assert!(facts.servers.is_empty(), "{flavour}: nothing was asked in the clear");
    }
}

#[test]
fn sockets_and_closed_doors() {
    for flavour in Flavour::ALL {
        let Some(server) = support::start(flavour, ServerOptions::new()) else { continue };
        fill(&server);
        server.execute(&format!(
            "CREATE USER 'audit'@'localhost' IDENTIFIED BY {}; GRANT SELECT ON edxapp.* TO 'audit'@'localhost'",
            quoted(PASSWORD)
        ));
        let socket = Login { socket: Some(server.socket()), ..login(&server, "audit") };
        let (facts, _) = attempt(&socket);
        assert_eq!(facts.incomplete, [], "{flavour}");
        assert_eq!(facts.servers[0].address, server.socket().display().to_string());

        let wrong = Login { password: Some("not it".into()), ..socket };
        let (facts, _) = attempt(&wrong);
        assert!(facts.incomplete[0].reason.contains("1045"), "{flavour}: {:?}", facts.incomplete);
        let closed = Login { port: 1, socket: None, ..login(&server, "audit") };
        let request = csm_audit::live::Request {
            limits: Limits { connect: Duration::from_secs(3), ..Limits::default() },
            ..request()
        };
        let (facts, gaps) = read(&closed, &["edxapp"], &request);
        assert_eq!(facts.incomplete.len(), 1);
        assert!(gaps.iter().any(|gap| gap.kind.as_str() == "environment-incomplete"), "{gaps:?}");
    }
}
