//! Digests as people know them.

use crate::image::Digest;

/// The first eight digits of a digest, by which people know an image.
pub fn short(digest: &Digest) -> String {
    let text = digest.to_string();
    text.strip_prefix("sha256:")
        .unwrap_or(&text)
        .chars()
        .take(8)
        .collect()
}
