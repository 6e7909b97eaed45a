//! Making the one Release and waiting until it landed.
