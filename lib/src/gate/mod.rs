//! The gate's own judgement: the [`verdict`] over all jobs, which of them are run again
//! ([`reruns`]), what a run adds to the [`matrix`], and the [`words`] in which people are told what
//! became of each. What is said of a cause, in tables and messages alike, is in [`causes`].

pub mod causes;
pub mod counts;
pub mod matrix;
pub mod past;
pub mod reruns;
pub mod verdict;
pub mod words;
