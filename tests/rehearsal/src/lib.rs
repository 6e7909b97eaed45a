//! Runs the shipped pipeline file on a laptop: its tasks as child processes of the real binaries,
//! by Tekton's rules.
//!
//! | module | knows |
//! |---|---|
//! | [`document`] | the pipeline file, strictly |
//! | [`check`], [`reference`] | whether every name in it exists and stands in its place |
//! | [`substitute`] | how Tekton and the kubelet fill texts in |
//! | [`order`] | which task starts, is skipped, and what its status is |
//! | [`results`], [`volumes`], [`pod`] | what a pod gives a step and takes from it |
//! | [`child`], [`task`], [`run`] | running all that on this machine |
//! | [`scenario`], [`stage`] | what happens, played by the stand-ins |
//! | [`record`], [`screen`], [`outcome`], [`progress`] | what a person sees |
//! | [`siblings`], [`rehearse`], [`serve`] | the program |
//! | [`run_file`] | the PipelineRun file that is made from the Pipeline file |

pub mod check;
pub mod child;
pub mod document;
pub mod duration;
pub mod order;
pub mod outcome;
pub mod pod;
pub mod progress;
pub mod record;
pub mod reference;
pub mod rehearse;
pub mod results;
pub mod run;
pub mod run_file;
pub mod scenario;
pub mod screen;
pub mod serve;
pub mod siblings;
pub mod stage;
pub mod substitute;
pub mod task;
pub mod volumes;
