//! The artifact bucket: objects and lists.
