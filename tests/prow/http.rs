//! As much HTTP as a relay needs: whole messages, one to a connection.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Request {
    /// `POST /v1/executions HTTP/1.1`
    pub line: String,
    headers: Vec<String>,
    body: Vec<u8>,
}

impl Request {
    /// A POST of JSON.
    pub fn post(path: &str, json: &str) -> Self {
        let headers = vec!["host: prow".to_owned(), "content-type: application/json".to_owned()];
        Self { line: format!("POST {path} HTTP/1.1"), headers, body: json.as_bytes().to_vec() }
    }

    /// Whether it orders a run.
    pub fn is_order(&self) -> bool {
        self.line.starts_with("POST ")
    }

    /// Reads one; its body must have a length.
    pub fn read(stream: &TcpStream) -> io::Result<Self> {
        let mut reader = BufReader::new(stream);
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let named =
            |line: &str, name: &str| line.to_ascii_lowercase().starts_with(&format!("{name}:"));
        let length = lines
            .iter()
            .find(|line| named(line, "content-length"))
            .and_then(|line| line.split(':').nth(1));
        let mut body = vec![0; length.and_then(|length| length.trim().parse().ok()).unwrap_or(0)];
        reader.read_exact(&mut body)?;
        let headers = lines.split_off(1);
        let headers = headers
            .into_iter()
            .filter(|line| !named(line, "content-length") && !named(line, "connection"));
        Ok(Self { line: lines.remove(0), headers: headers.collect(), body })
    }

    /// Sends it to `address`, and returns the whole answer, head and body.
    pub fn answer_of(&self, address: &str) -> io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(100)))?;
        let mut message =
            format!("{}\r\n{}\r\nconnection: close\r\n", self.line, self.headers.join("\r\n"));
        if !self.body.is_empty() {
            message.push_str(&format!("content-length: {}\r\n", self.body.len()));
        }
        message.push_str("\r\n");
        stream.write_all(&[message.as_bytes(), &self.body].concat())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        if answer.is_empty() { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(answer) }
    }
}

/// The status of an answer.
pub fn status(answer: &[u8]) -> u16 {
    let head = String::from_utf8_lossy(&answer[..answer.len().min(40)]).into_owned();
    head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
}
