//! Waiting for the jobs, gathering what really happened, deciding.
