//! `null` where a list, map or text is expected: empty, as Go reads it.

use serde::{Deserialize, Deserializer};

/// For `deserialize_with`, beside `default`: `null` is the type's default.
///
/// # Errors
/// The value's own.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}
