//! lib
pub mod check;
pub mod document;
pub mod duration;
pub mod order;
pub mod pod;
pub mod reference;
pub mod results;
pub mod substitute;
pub mod volumes;
