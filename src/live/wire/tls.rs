//! TLS: who the server has to be.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use super::error::WireError;
use crate::live::address::TlsMode;

/// What of the server's certificate counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trust {
    /// Nothing but that the server has its key.
    Nothing,
    /// That an authority signed it.
    Authority,
    /// And that it is made out to the host.
    Name,
}

/// Makes a connector for a mode that encrypts.
///
/// # Errors
///
/// When the authority's file cannot be used.
pub(super) fn connector(mode: TlsMode, ca: Option<&Path>) -> Result<TlsConnector, WireError> {
    let provider = Arc::new(ring::default_provider());
    let trust = match mode {
        TlsMode::Disabled | TlsMode::Preferred | TlsMode::Required => Trust::Nothing,
        TlsMode::VerifyCa => Trust::Authority,
        TlsMode::VerifyIdentity => Trust::Name,
    };
    let verifier: Arc<dyn ServerCertVerifier> = if trust == Trust::Nothing {
        Arc::new(AnyCertificate(provider.clone()))
    } else {
        let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(authorities(ca)?), provider.clone())
            .build()
            .map_err(|error| WireError::Tls(error.to_string()))?;
        if trust == Trust::Name { inner } else { Arc::new(AnyName(inner)) }
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| WireError::Tls(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// The name that the certificate is compared with. A host that can be no such name is only accepted where names do not
/// count.
pub(super) fn name(mode: TlsMode, host: &str) -> Result<ServerName<'static>, WireError> {
    match ServerName::try_from(host.to_owned()) {
        Ok(name) => Ok(name),
        Err(_) if mode != TlsMode::VerifyIdentity => {
            ServerName::try_from("localhost").map_err(|error| WireError::Tls(error.to_string()))
        }
        Err(error) => Err(WireError::Tls(format!("{host}: {error}"))),
    }
}

/// Whoever names an authority trusts that one alone.
fn authorities(ca: Option<&Path>) -> Result<RootCertStore, WireError> {
    let mut store = RootCertStore::empty();
    let Some(path) = ca else {
        store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        return Ok(store);
    };
    let cannot = |reason: String| WireError::Tls(format!("ssl-ca {}: {reason}", path.display()));
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| cannot(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| cannot(error.to_string()))?;
        store.add(certificate).map_err(|error| cannot(error.to_string()))?;
    }
    if store.is_empty() {
        return Err(cannot("the file contains no PEM certificate".to_owned()));
    }
    Ok(store)
}

/// Believes any certificate whose key the server has.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        tokio_rustls::rustls::crypto::verify_tls12_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        tokio_rustls::rustls::crypto::verify_tls13_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Believes a certificate that an authority signed, whatever host it is made out to: `verify-ca`.
#[derive(Debug)]
struct AnyName(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        // The verifier compares the name last, when everything else held.
        match self.0.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            result => result,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_told_of() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for text in ["", "no PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            std::fs::write(file.path(), text).unwrap();
            let Err(error) = connector(TlsMode::VerifyCa, Some(file.path())) else { panic!("{text}") };
            assert!(error.to_string().contains("ssl-ca"), "{error}");
        }
        assert!(connector(TlsMode::Required, None).is_ok());
        assert!(name(TlsMode::VerifyIdentity, "no name").is_err() && name(TlsMode::Required, "no name").is_ok());
    }
}
