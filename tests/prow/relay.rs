//! A relay before Gangway that can lose answers, or do something at a chosen request.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use crate::http::{self, Request};
use crate::prow::GANGWAY;

/// A request on its way.
pub struct Passing<'a> {
    request: &'a Request,
    /// Counts orders and other requests apart, each from 1.
    pub number: usize,
}

impl Passing<'_> {
    /// Whether it is the order of that number.
    pub fn is_order(&self, number: usize) -> bool {
        self.request.is_order() && self.number == number
    }

    /// Whether it is an order at all.
    pub fn is_any_order(&self) -> bool {
        self.request.is_order()
    }

    /// Whether it is the read of that number.
    pub fn is_read(&self, number: usize) -> bool {
        !self.request.is_order() && self.number == number
    }

    /// Sends it to Gangway; the answer, if there is one.
    pub fn forward(&self) -> Option<Vec<u8>> {
        self.request.answer_of(GANGWAY).ok()
    }
}

/// A relay on a port of its own, until dropped.
pub struct Relay {
    address: String,
    statuses: Arc<Mutex<Vec<(bool, u16)>>>,
    ended: Arc<AtomicBool>,
    listener: Option<JoinHandle<()>>,
}

impl Relay {
    /// Starts it. `rule` decides about each request: what it returns is the answer; `None` loses
    /// it.
    pub fn start(rule: impl Fn(&Passing<'_>) -> Option<Vec<u8>> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let statuses = Arc::new(Mutex::new(Vec::new()));
        let ended = Arc::new(AtomicBool::new(false));
        let (noted, over) = (Arc::clone(&statuses), Arc::clone(&ended));
        let counts: Arc<[AtomicUsize; 2]> = Arc::default();
        let rule = Arc::new(rule);
        let listener = std::thread::spawn(move || {
            for stream in listener
                .incoming()
                .map_while(Result::ok)
                .take_while(|_| !over.load(Ordering::SeqCst))
            {
                let (rule, counts, noted) =
                    (Arc::clone(&rule), Arc::clone(&counts), Arc::clone(&noted));
                std::thread::spawn(move || relay(&stream, rule.as_ref(), &counts, &noted));
            }
        });
        Self { address, statuses, ended, listener: Some(listener) }
    }

    /// A relay that loses the answer to each order that `lost` picks by its number.
    pub fn losing(lost: impl Fn(usize) -> bool + Send + Sync + 'static) -> Self {
        Self::start(move |passing| {
            let answer = passing.forward();
            answer.filter(|_| !(passing.is_any_order() && lost(passing.number)))
        })
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The statuses of the answers to orders, in the order in which they were passed on; 0 for a
    /// lost one.
    pub fn to_orders(&self) -> Vec<u16> {
        let statuses = self.statuses.lock().unwrap();
        statuses
            .iter()
            .filter(|(order, _)| *order)
            .map(|(_, status)| *status)
            .collect()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(&self.address);
        let _ = self.listener.take().unwrap().join();
    }
}

fn relay(
    mut stream: &TcpStream,
    rule: &dyn Fn(&Passing<'_>) -> Option<Vec<u8>>,
    counts: &[AtomicUsize; 2],
    noted: &Mutex<Vec<(bool, u16)>>,
) {
    let Ok(request) = Request::read(stream) else { return };
    let order = request.is_order();
    let number = counts[usize::from(order)].fetch_add(1, Ordering::SeqCst) + 1;
    let answer = rule(&Passing { request: &request, number });
    noted
        .lock()
        .unwrap()
        .push((order, answer.as_deref().map_or(0, http::status)));
    if let Some(answer) = answer {
        // A client that has given up is no trouble of the relay's.
        let _ = stream.write_all(&answer);
    }
}
