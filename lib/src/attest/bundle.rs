//! Sigstore bundles around a statement: a DSSE envelope, signed with a key and without a log.
//!
//! Written as version 0.3; read are all versions. What stands beside the signature (log entries,
//! timestamps, the hint of the key) is not looked at: the key that the reader names decides alone,
//! as with cosign's `--key` and `--insecure-ignore-tlog`. The answers are cosign's, with one
//! exception: a field that is not known does not stand in the way, since a later cosign may write
//! it.
//!
//! Sources: sigstore/protobuf-specs `sigstore_bundle.proto`, cosign `specs/BUNDLE_SPEC.md`,
//! secure-systems-lab/dsse `protocol.md`.

use serde_json::Value;
use sigstore_types::bundle::VerificationMaterialContent;
use sigstore_types::{
    Bundle, DsseEnvelope, DsseSignature, KeyId, MediaType, PayloadBytes, PublicKeyIdentifier,
    SignatureBytes, SignatureContent, VerificationMaterial, pae,
};

use super::key::{PublicKey, SigningKey};
use super::statement;

/// The media type of a bundle, in a registry and inside the bundle.
pub const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// No bundle is larger (4 MiB).
pub const MAX_BYTES: usize = 4 << 20;

/// Signs a statement: the bytes of a bundle. The same statement and key make the same bytes.
///
/// # Errors
/// When the bundle cannot be written as JSON, which is a bug.
pub fn sign(statement: &[u8], key: &SigningKey) -> Result<Vec<u8>, sigstore_types::Error> {
    let signature = SignatureBytes::from_bytes(&key.sign(&pae(statement::MEDIA_TYPE, statement)));
    let hint =
        VerificationMaterialContent::PublicKey(PublicKeyIdentifier::new(key.public().hint()));
    let envelope = DsseEnvelope::new(
        statement::MEDIA_TYPE,
        PayloadBytes::from_bytes(statement),
        DsseSignature::new(signature, KeyId::default()),
    );
    Bundle::new(
        MediaType::Bundle0_3,
        VerificationMaterial::new(hint),
        SignatureContent::DsseEnvelope(envelope),
    )
    .to_json()
    .map(String::into_bytes)
}

/// A bundle that was signed with a key, not verified yet.
#[derive(Debug, Clone)]
pub struct Signed {
    envelope: DsseEnvelope,
    hint: String,
}

/// Why a file or a layer is no bundle that can be judged with a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unjudgeable {
    /// It is larger than a bundle ever is.
    #[error("it is larger than 4 MiB; expected a Sigstore bundle")]
    TooLarge,
    /// It is no bundle.
    #[error(
        "it is no Sigstore bundle: {problem}; expected what `cosign attest-blob --bundle` writes"
    )]
    NoBundle {
        /// What is wrong.
        problem: String,
    },
    /// It was signed with a certificate.
    #[error(
        "it is signed with a certificate, not with a key; whether that certificate is to be trusted only `cosign verify-blob-attestation --certificate-identity …` can tell"
    )]
    Certificate,
    /// It is the signature of a file.
    #[error("it signs a file and holds no statement; expected an attestation")]
    NoStatement,
}

/// What can be wrong with a bundle's form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flaw {
    /// It cannot be judged.
    Unjudgeable(Unjudgeable),
    /// It has no signature at all.
    Unsigned,
}

impl Signed {
    /// Reads a bundle.
    ///
    /// # Errors
    /// [`Flaw`].
    pub fn read(bytes: &[u8]) -> Result<Self, Flaw> {
        let no_bundle = |problem: String| Flaw::Unjudgeable(Unjudgeable::NoBundle { problem });
        if bytes.len() > MAX_BYTES {
            return Err(Flaw::Unjudgeable(Unjudgeable::TooLarge));
        }
        let mut json: Value =
            serde_json::from_slice(bytes).map_err(|error| no_bundle(error.to_string()))?;
        if json.get("payload").is_some() && json.get("signatures").is_some() {
            return Err(no_bundle("it is a bare DSSE envelope".to_owned()));
        }
        let material = json.get_mut("verificationMaterial").and_then(Value::as_object_mut);
        if let Some(material) = material {
            if ["certificate", "x509CertificateChain"]
                .iter()
                .any(|kind| material.contains_key(*kind))
            {
                return Err(Flaw::Unjudgeable(Unjudgeable::Certificate));
            }
            // Not looked at, so that an entry of a kind to come does not stand in the way.
            material.remove("tlogEntries");
            material.remove("timestampVerificationData");
        }
        if json.get("messageSignature").is_some() {
            return Err(Flaw::Unjudgeable(Unjudgeable::NoStatement));
        }
        if json.get("mediaType").is_none() {
            return Err(no_bundle("it has no mediaType".to_owned()));
        }
        let signatures = json.pointer("/dsseEnvelope/signatures");
        let has_none = |signatures: &Value| signatures.as_array().is_some_and(Vec::is_empty);
        if json.get("dsseEnvelope").is_some() && signatures.is_none_or(has_none) {
            return Err(Flaw::Unsigned);
        }
        let bundle: Bundle =
            serde_json::from_value(json).map_err(|error| no_bundle(error.to_string()))?;
        match (bundle.content, bundle.verification_material.content) {
            (
                SignatureContent::DsseEnvelope(envelope),
                VerificationMaterialContent::PublicKey(key),
            ) => Ok(Self { envelope, hint: key.hint }),
            _ => Err(no_bundle("it names no public key".to_owned())),
        }
    }

    /// What the payload says it is.
    pub fn payload_type(&self) -> &str {
        &self.envelope.payload_type
    }

    /// The payload, whether or not somebody signed it.
    pub fn payload(&self) -> &[u8] {
        self.envelope.payload.as_bytes()
    }

    /// Whether the key signed it. A `keyid` that names another key is believed, as cosign does.
    pub fn is_by(&self, key: &PublicKey) -> bool {
        let keyid: &str = self.envelope.signature.keyid.as_ref();
        (keyid.is_empty() || keyid == key.ssh_fingerprint())
            && key.verifies(&self.envelope.pae(), self.envelope.signature.sig.as_bytes())
    }

    /// Whether it says itself that another key signed it.
    pub fn names_another(&self, key: &PublicKey) -> bool {
        let keyid: &str = self.envelope.signature.keyid.as_ref();
        (!self.hint.is_empty() && self.hint != key.hint())
            || (!keyid.is_empty() && keyid != key.ssh_fingerprint())
    }
}
