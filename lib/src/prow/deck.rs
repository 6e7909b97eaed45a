//! Deck: what Prow says of a run, without Gangway quota.
