//! Prow as seen from outside: Gangway launches, Deck and the artifact bucket tell.

pub mod bucket;
pub mod budget;
pub mod deck;
pub mod gangway;
pub mod junit;
pub mod key;
