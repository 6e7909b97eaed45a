//! What a team sees in the morning: the report of all gates of a namespace.
//!
//! One model ([`Report`]), made by a pure function ([`build::report`]) of records, histories and
//! Releases, and its faces: the [page](page()), [OpenMetrics](metrics()), JSON (the model itself,
//! [`schema`]) and a [table](table()) for the terminal. [`Loader`] reads a namespace, [`Given`]
//! records that are named one by one.
//!
//! Whatever cannot be read is said in the report and is no error: a record of another version is a
//! night of its gate, a source that did not answer stands in [`Report::missing`].

pub mod build;
mod covering;
mod decisions;
mod faces;
mod files;
mod histories;
mod link;
mod load;
mod mark;
mod metrics;
mod model;
mod page;
mod played;
pub mod preflight;
mod rows;
pub mod serve;
mod table;

pub use decisions::{Decision, DecisionKind, Lists};
pub use faces::{Face, Faces, write};
pub use files::Given;
pub use link::Link;
pub use load::{Loader, Sources};
pub use mark::{CellMark, Letter, NightMark, Tone};
pub use metrics::metrics;
pub use model::*;
pub use page::page;
pub use played::{Played, played, unreadable};
pub use table::{Narrow, table};

/// The JSON Schema of `report.json`, generated from the model.
pub fn schema() -> String {
    let schema = schemars::schema_for!(Report);
    serde_json::to_string_pretty(&schema).expect("a schema is JSON") + "\n"
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_schema_is_as_checked_in() {
        xtask::held("docs/report.schema.json", &super::schema());
    }
}
