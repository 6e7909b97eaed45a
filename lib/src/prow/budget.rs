//! The token bucket that all Gangway requests of a process share.
