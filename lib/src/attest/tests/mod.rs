//! What a consumer, a policy and a registry see of a verdict.

mod attaching;
mod exchanges;
mod keys;
mod memory;
mod registry;
mod served;
mod statements;
mod verifying;
