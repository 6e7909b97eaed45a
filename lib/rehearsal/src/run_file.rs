//! Makes the PipelineRun file from the Pipeline file, comments and all.

/// Everything before the Pipeline's own fields.
const HEADER: &str = include_str!("run_header.yaml");

/// The PipelineRun that carries a Pipeline, as text; none if the text has no `spec:` of its own.
pub fn from_pipeline(pipeline: &str) -> Option<String> {
    let (_, spec) = pipeline.split_once("\nspec:\n")?;
    let mut run = HEADER.to_owned();
    for line in spec.lines() {
        if !line.is_empty() {
            run.push_str("  ");
            run.push_str(line);
        }
        run.push('\n');
    }
    Some(run)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spec_moves_in_with_its_comments() {
        let run =
            from_pipeline("# head\nkind: Pipeline\nspec:\n  # why\n  a: 1\n\n  b: 2\n").unwrap();
        assert!(run.ends_with("\n  pipelineSpec:\n    # why\n    a: 1\n\n    b: 2\n"), "{run}");
        assert_eq!(from_pipeline("kind: Pipeline\n"), None);
    }
}
