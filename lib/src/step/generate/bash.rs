//! Completions for bash 4 and later, without the package bash-completion.

use super::{Flag, Values, function};

/// What is the same for every binary. bash cuts words at `=` and `:`; here they are put together
/// again, to find the flag and as much of its value as is typed, while what is answered replaces
/// the last piece only.
const BODY: &str = r#"    local at=$COMP_CWORD flag='' value=${COMP_WORDS[COMP_CWORD]} piece
    COMPREPLY=()
    if [[ $value != -* ]]; then
        while ((at > 1)); do
            piece=${COMP_WORDS[at - 1]}
            if [[ $piece == -* ]]; then
                flag=$piece
                break
            fi
            [[ $piece == [=:@]* || ${COMP_WORDS[at]} == [=:@]* ]] || break
            value=$piece$value
            ((at -= 1))
        done
    fi
    [[ $flag && $value == '='* ]] && value=${value:1}
    local last=${COMP_WORDS[COMP_CWORD]}
    [[ $last == [=:@] ]] && last=''
    # Without a reply this makes bash complete files in its own way, quoting included.
    case $flag in
"#;

/// The script.
pub fn script(name: &str, flags: &[Flag]) -> String {
    let function = function(name);
    let mut script =
        format!("# bash completion for {name}; made by: {name} --generate complete-bash\n\n");
    script += &format!("{function}() {{\n{BODY}");
    let matching = |wanted: fn(&Values<'_>) -> bool| {
        let names = flags
            .iter()
            .filter(|flag| wanted(&Values::of(flag)))
            .map(|flag| flag.long.as_str());
        names.collect::<Vec<_>>().join(" | ")
    };
    let mut case = |names: String, action: &str| {
        if !names.is_empty() {
            script += &format!("    {names})\n        {action}\n        return\n        ;;\n");
        }
    };
    case(matching(|v| *v == Values::File), "compopt -o default");
    case(matching(|v| *v == Values::Folder), "compopt -o dirnames");
    case(
        matching(|v| *v == Values::Record),
        concat!(
            "if [[ $value == file:* ]]; then\n            compopt -o default\n        else\n",
            "            compopt -o nospace\n",
            "            mapfile -t COMPREPLY < <(compgen -W 'configmap: file:' -- \"$value\")\n        fi"
        ),
    );
    // bash would take what follows an @ for a host.
    case(
        matching(|v| *v == Values::AtFile),
        concat!(
            "if [[ $value == @* ]]; then\n            compopt -o filenames\n",
            "            mapfile -t COMPREPLY < <(compgen -P @ -f -- \"${value#@}\")\n        fi"
        ),
    );
    for flag in flags {
        if let Values::Words(words) = Values::of(flag) {
            let words = words.join(" ");
            case(
                flag.long.clone(),
                &format!("mapfile -t COMPREPLY < <(compgen -W '{words}' -- \"$last\")"),
            );
        }
    }
    case(matching(|v| *v == Values::Unknown), ":");
    let all = flags
        .iter()
        .map(|flag| flag.long.as_str())
        .collect::<Vec<_>>()
        .join(" ");
    script += "    esac\n";
    script += &format!("    mapfile -t COMPREPLY < <(compgen -W '{all}' -- \"$last\")\n}}\n\n");
    script += &format!("complete -F {function} {name}\n");
    script
}
