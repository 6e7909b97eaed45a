//! A certificate authority of the test's own: the steps refuse plain http to any host but their
//! own, and a pod's own is not this machine.

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use standins::Tls;

/// The name of the authority's certificate in the folder.
pub const CA: &str = "ca.crt";

/// Makes an authority and a certificate of it for `host`, as PEM files in the folder.
pub fn certificate_for(host: &str, folder: &Path) -> Tls {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let root = authority.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new([host.to_owned()])
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();
    let tls = Tls { certificates: folder.join("host.crt"), key: folder.join("host.key") };
    std::fs::write(folder.join(CA), root.pem()).unwrap();
    std::fs::write(&tls.certificates, own.pem()).unwrap();
    std::fs::write(&tls.key, key.serialize_pem()).unwrap();
    tls
}
