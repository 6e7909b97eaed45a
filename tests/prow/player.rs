//! Plays Prow's part for the runs of one gate: gives each new ProwJob a build and an end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::build::{Build, Ending};
use crate::prow::{Prow, id_of, job_of};

/// Plays until dropped.
pub struct Player {
    ended: Arc<AtomicBool>,
    player: Option<JoinHandle<()>>,
}

impl Player {
    /// Plays the runs of the PipelineRun `id`; `script` tells how the run of a job ends, the first
    /// being 1.
    pub fn start(
        prow: &Prow,
        id: &str,
        script: impl Fn(&str, usize) -> Ending + Send + 'static,
    ) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let (prow, id, over) = (prow.clone(), id.to_owned(), Arc::clone(&ended));
        let player = std::thread::spawn(move || {
            let mut played = BTreeMap::<String, Vec<String>>::new();
            while !over.load(Ordering::SeqCst) {
                for run in prow.runs_of(&id) {
                    let of_job = played.entry(job_of(&run).to_owned()).or_default();
                    if !of_job.iter().any(|known| known == id_of(&run)) {
                        of_job.push(id_of(&run).to_owned());
                        Build::begin(&prow, &run).end(script(job_of(&run), of_job.len()));
                    }
                }
                std::thread::sleep(Duration::from_millis(300));
            }
        });
        Self { ended, player: Some(player) }
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        let _ = self.player.take().unwrap().join();
    }
}
