//! Gangway's REST interface, exactly as the real one answers.
