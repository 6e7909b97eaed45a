//! Where to listen: on loopback, unless another address is named.

use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;

/// A text is no address to listen at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a port such as 8080, for this machine alone, or an address with a port such as 0.0.0.0:8080 or [::]:8080, for everybody who reaches it; found {0:?}"
)]
pub struct AddressError(String);

/// Where to listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address(SocketAddr);

impl Address {
    /// As a socket has it.
    pub fn socket(self) -> SocketAddr {
        self.0
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_port = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let loopback = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let address = match is_port {
            true => text.parse().ok().map(loopback),
            false => text.parse().ok(),
        };
        address
            .map(Self)
            .ok_or_else(|| AddressError(crate::text::cut(text, 100)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_for_this_machine_alone() {
        let read = |text: &str| text.parse::<Address>().map(|address| address.socket().to_string());
        assert_eq!(read("8080").unwrap(), "127.0.0.1:8080");
        assert_eq!(read("0").unwrap(), "127.0.0.1:0");
        assert_eq!(read("0.0.0.0:8080").unwrap(), "0.0.0.0:8080");
        assert_eq!(read("[::1]:8080").unwrap(), "[::1]:8080");
        for bad in ["", ":8080", "localhost", "host:8080", "70000", "0.0.0.0", "-1", "8080 "] {
            let error = read(bad).unwrap_err().to_string();
            assert!(error.ends_with(&format!("found {bad:?}")), "{error}");
        }
    }
}
