//! Completions for fish.

use super::{Flag, Values, function};

/// The script.
pub fn script(name: &str, flags: &[Flag]) -> String {
    let record = format!("{}_record", function(name));
    let at_file = format!("{}_at_file", function(name));
    let mut script =
        format!("# fish completion for {name}; made by: {name} --generate complete-fish\n\n");
    // The token under the cursor may be `--flag=value`; what is answered is the value alone.
    script += &format!("function {record}\n");
    script += "    set -l value (commandline -ct | string replace -r '^--[a-z-]+=' '')\n";
    script += "    printf '%s\\n' configmap: file:\n";
    script += "    if string match -q 'file:*' -- $value\n";
    script += "        printf 'file:%s\\n' (__fish_complete_path (string replace 'file:' '' -- $value))\n";
    script += "    end\nend\n\n";
    script += &format!("function {at_file}\n");
    script += "    set -l value (commandline -ct | string replace -r '^--[a-z-]+=' '')\n";
    script += "    if string match -q '@*' -- $value\n";
    script += "        printf '@%s\\n' (__fish_complete_path (string replace '@' '' -- $value))\n";
    script += "    end\nend\n\n";
    script += &format!("complete -c {name} -f\n");
    for flag in flags {
        let takes = match Values::of(flag) {
            Values::None => String::new(),
            Values::Unknown => " -x".to_owned(),
            Values::File => " -r -F".to_owned(),
            Values::Folder => " -x -a '(__fish_complete_directories)'".to_owned(),
            Values::Record => format!(" -x -a '({record})'"),
            Values::AtFile => format!(" -x -a '({at_file})'"),
            Values::Words(words) => format!(" -x -a '{}'", words.join(" ")),
        };
        let long = flag.long.trim_start_matches('-');
        let text = format!("{}{}", flag.text, flag.note())
            .replace('\\', r"\\")
            .replace('\'', r"\'");
        script += &format!("complete -c {name} -l {long}{takes} -d '{text}'\n");
    }
    script
}
