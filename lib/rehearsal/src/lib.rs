#![doc = include_str!("../README.md")]

mod before;
pub mod check;
pub mod child;
pub mod document;
pub mod duration;
pub mod order;
pub mod outcome;
pub mod past;
pub mod play;
pub mod pod;
pub mod programs;
pub mod progress;
pub mod record;
pub mod reference;
pub mod rehearse;
pub mod results;
pub mod run;
pub mod run_file;
pub mod scenario;
pub mod screen;
pub mod season;
pub mod serve;
pub mod stage;
pub mod substitute;
pub mod task;
pub mod volumes;
