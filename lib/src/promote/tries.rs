//! How often Tekton tries the step again.

/// Reads `--tries-left`: a number, or the tries allowed less those made (`1-0`), which is what a
/// Pipeline can say without counting itself. `None` where the first of the two is left out (`-0`),
/// or where Tekton has left its variables as they were: then it is not known.
///
/// # Errors
/// What was expected.
pub fn left(text: &str) -> Result<Option<u32>, String> {
    if text.contains("$(") {
        tracing::warn!(
            "--tries-left: {text:?} was not filled in; whether this step is tried again is not known"
        );
        return Ok(None);
    }
    let number = |text: &str| text.trim().parse::<u32>().ok().filter(|number| *number <= 1000);
    let read = match text.split_once('-') {
        None => number(text),
        Some(("", made)) if number(made).is_some() => return Ok(None),
        Some((allowed, made)) => number(allowed)
            .zip(number(made))
            .map(|(allowed, made)| allowed.saturating_sub(made)),
    };
    read.map(Some).ok_or_else(|| {
        format!("--tries-left: expected a number, or two such as 1-0 (tries allowed, tries made), found {text:?}")
    })
}

#[cfg(test)]
mod tests {
    use super::left;

    #[test]
    fn a_number_or_a_difference() {
        for (text, number) in [("0", 0), ("2", 2), ("1-0", 1), ("1-1", 0), ("2 - 1", 1), ("0-1", 0)]
        {
            assert_eq!(left(text), Ok(Some(number)), "{text}");
        }
        assert_eq!((left("1-$(context.task.retry-count)"), left("-0")), (Ok(None), Ok(None)));
        for wrong in ["", "-", "-x", "x", "1-x", "1-0-0", "99999"] {
            assert!(
                left(wrong)
                    .unwrap_err()
                    .starts_with("--tries-left: expected a number"),
                "{wrong}"
            );
        }
    }
}
