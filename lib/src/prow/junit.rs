//! JUnit files, read as a stream.
