//! The questions put to a person.

use std::io::{self, BufRead, Read as _, Write};

use super::Answers;
use super::offers::Offers;
use super::questions::{QUESTIONS, Question};
use crate::text::one_line;

/// No answer is longer (16 KiB).
const LONGEST: u64 = 16 << 10;

/// How often a question is put again.
const TRIES: u32 = 5;

/// Where a person is asked.
pub struct Person<'a> {
    /// What they type.
    pub input: &'a mut dyn BufRead,
    /// What they see.
    pub output: &'a mut dyn Write,
}

/// All answers: what the flags say, and for the rest what the person says, or where nobody is asked,
/// what is usual.
///
/// # Errors
/// What is missing or wrong, by its flag.
pub async fn answers(
    flags: &Answers,
    offers: &Offers,
    mut person: Option<Person<'_>>,
) -> Result<Answers, String> {
    let mut given = Answers::new();
    let mut missing = Vec::new();
    for question in &QUESTIONS {
        let flag = question.flag;
        let answer = match (flags.get(flag), &mut person) {
            (Some(text), _) => {
                question.read(text, &given).map_err(|why| format!("{flag}: {why}"))?
            }
            (None, Some(person)) => {
                let found = offers.of(flag, &given).await;
                put(question, &given, &found, person)?
            }
            (None, None) => match question.usual(&given) {
                Some(usual) => usual,
                None => {
                    missing.push(flag);
                    continue;
                }
            },
        };
        given.insert(flag, answer);
    }
    match missing.is_empty() {
        true => Ok(given),
        false => {
            Err(format!("expected {} as well; on a terminal each is asked for", missing.join(", ")))
        }
    }
}

/// One question, put until it has an answer.
fn put(
    question: &Question,
    given: &Answers,
    found: &[String],
    person: &mut Person<'_>,
) -> Result<String, String> {
    let broken = |error: io::Error| format!("{}: cannot ask: {error}", question.flag);
    let usual = question.usual(given).or_else(|| match found {
        [only] => Some(only.clone()),
        _ => None,
    });
    let mut text = format!("\n{}: {}\n", question.flag, question.words);
    for (number, offer) in found.iter().enumerate() {
        text += &format!("  {}  {}\n", number + 1, one_line(offer, 300));
    }
    let usually = usual.as_ref().map(|usual| match usual.as_str() {
        "" | "[]" | "{}" => "[none]".to_owned(),
        usual => format!("[{}]", one_line(usual, 200)),
    });
    for _ in 0..TRIES {
        text += &format!("{}> ", usually.clone().unwrap_or_default());
        person.output.write_all(text.as_bytes()).map_err(broken)?;
        person.output.flush().map_err(broken)?;
        let mut line = String::new();
        let mut limited = (&mut *person.input).take(LONGEST);
        let read = limited.read_line(&mut line).map_err(broken)?;
        if read == 0 {
            return Err(format!("{}: expected an answer, found the end", question.flag));
        }
        let said = line.trim();
        let chosen = said
            .parse::<usize>()
            .ok()
            .and_then(|number| found.get(number.checked_sub(1)?));
        let said = match (said.is_empty(), &usual, chosen) {
            (true, Some(usual), _) => usual.clone(),
            (_, _, Some(chosen)) => chosen.clone(),
            (..) => said.to_owned(),
        };
        match question.read(&said, given) {
            Ok(answer) => return Ok(answer),
            Err(why) => text = format!("  {}\n", one_line(&why, 400)),
        }
    }
    Err(format!("{}: no answer that fits after {TRIES} tries", question.flag))
}
