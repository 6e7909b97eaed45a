//! Commands that a person can copy: every foreign word quoted for a shell.

/// A command under construction.
#[derive(Debug, Clone)]
pub struct Command(String);

impl Command {
    /// A command without arguments.
    pub fn new(program: &str) -> Self {
        Self(program.to_owned())
    }

    /// A word, quoted where a shell would read more into it.
    pub fn word(mut self, word: &str) -> Self {
        self.0.push(' ');
        self.0 += &quoted(word);
        self
    }

    /// A flag with its value, where there is one.
    pub fn flag(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.word(name).word(value),
            None => self,
        }
    }

    /// The command as text.
    pub fn text(self) -> String {
        self.0
    }
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@=,+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_word_stays_one() {
        let command = Command::new("trigger-gate")
            .flag("--snapshot", Some("a; rm -rf 'x'"))
            .flag("--plan", None);
        assert_eq!(command.text(), r"trigger-gate --snapshot 'a; rm -rf '\''x'\'''");
        assert_eq!(
            Command::new("x").flag("--record", Some("configmap:gate-1")).text(),
            "x --record configmap:gate-1"
        );
    }
}
