//! The tags of an XML stream, one after another, in flat memory.
//!
//! Everything between tags is skipped without being kept: a log of gigabytes in `<system-out>`, CDATA,
//! comments, processing instructions, and a DOCTYPE with the entities it declares, which are
//! therefore never expanded. Broken files are read as far as they can be.

use std::borrow::Cow;
use std::io::{self, BufRead};

use memchr::{memchr, memchr3, memmem};
use quick_xml::events::BytesStart;

/// A tag longer than this (64 KiB) is skipped: its attributes can be nothing of use.
const MAX_TAG: usize = 64 * 1024;

/// A tag.
#[derive(Debug)]
pub enum Tag<'a> {
    /// `<name …>`; `empty` for `<name …/>`.
    Start {
        /// The name and its attributes.
        element: BytesStart<'a>,
        /// Whether it ends at once.
        empty: bool,
    },
    /// `</name>`.
    End(&'a str),
}

/// Reads all tags of a stream; says whether it ended between tags, as a whole file does.
///
/// # Errors
/// When the stream cannot be read.
pub fn tags(input: &mut dyn BufRead, mut visit: impl FnMut(Tag<'_>)) -> io::Result<bool> {
    let mut tag = Vec::new();
    while skip_past(input, b"<")? {
        tag.clear();
        match peek(input)? {
            None => return Ok(false),
            Some(b'?') => {
                if !skip_past(input, b"?>")? {
                    return Ok(false);
                }
            }
            Some(b'!') => {
                if !skip_declaration(input)? {
                    return Ok(false);
                }
            }
            Some(_) => match take_tag(input, &mut tag)? {
                Taken::Whole => deliver(&tag, &mut visit),
                Taken::TooLong => {}
                Taken::Broken => return Ok(false),
            },
        }
    }
    Ok(true)
}

fn deliver(tag: &[u8], visit: &mut impl FnMut(Tag<'_>)) {
    // A name in another encoding is shown as well as it can be.
    let text = String::from_utf8_lossy(tag);
    if let Some(name) = text.strip_prefix('/') {
        visit(Tag::End(name.trim_ascii()));
        return;
    }
    let (text, empty) = text.strip_suffix('/').map_or((text.as_ref(), false), |text| (text, true));
    let name = text.find(|c: char| c.is_ascii_whitespace()).unwrap_or(text.len());
    visit(Tag::Start { element: BytesStart::from_content(text, name), empty });
}

/// Shows each attribute of an element with its raw value.
pub fn attributes(element: &BytesStart<'_>, mut visit: impl FnMut(&str, &str)) {
    for attribute in element.attributes().with_checks(false).flatten() {
        visit(attribute.key.as_ref(), &attribute.value);
    }
}

/// A raw value with its references resolved where they are XML's own; others stay as they are.
pub fn resolved(raw: &str) -> Cow<'_, str> {
    if !raw.contains('&') {
        return Cow::Borrowed(raw);
    }
    quick_xml::escape::unescape(raw).unwrap_or(Cow::Borrowed(raw))
}

fn peek(input: &mut dyn BufRead) -> io::Result<Option<u8>> {
    Ok(fill(input)?.first().copied())
}

fn fill(input: &mut dyn BufRead) -> io::Result<&[u8]> {
    loop {
        match input.fill_buf() {
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    // Asked twice, since a borrow cannot leave the loop; what is buffered is returned at once.
    input.fill_buf()
}

/// Skips up to and past a mark; false if the stream ends before.
fn skip_past(input: &mut dyn BufRead, mark: &[u8]) -> io::Result<bool> {
    // The last bytes of what was skipped, in which a mark across two buffers begins.
    let mut tail: Vec<u8> = Vec::new();
    let most = mark.len() - 1;
    loop {
        let buffer = fill(input)?;
        let length = buffer.len();
        if length == 0 {
            return Ok(false);
        }
        let carried = tail.len();
        if most > 0 {
            tail.extend(&buffer[..length.min(most)]);
            if let Some(at) = memmem::find(&tail, mark) {
                input.consume(at + mark.len() - carried);
                return Ok(true);
            }
        }
        let found = if let [byte] = mark { memchr(*byte, buffer) } else { memmem::find(buffer, mark) };
        if let Some(at) = found {
            input.consume(at + mark.len());
            return Ok(true);
        }
        if length >= most {
            tail.clear();
            tail.extend(&buffer[length - most..]);
        } else {
            tail.drain(..tail.len().saturating_sub(most));
        }
        input.consume(length);
    }
}

/// Skips a comment, CDATA or DOCTYPE; the `<` is read, its `!` is not.
fn skip_declaration(input: &mut dyn BufRead) -> io::Result<bool> {
    let mut head = Vec::new();
    for expected in [&b"!--"[..], b"![CDATA["] {
        while head.len() < expected.len() && expected.starts_with(&head) {
            match peek(input)? {
                Some(byte) => {
                    head.push(byte);
                    input.consume(1);
                }
                None => return Ok(false),
            }
        }
        if head == expected {
            return skip_past(input, if expected == b"!--" { b"-->" } else { b"]]>" });
        }
    }
    // A DOCTYPE: its subset in brackets holds declarations of its own.
    let mut depth = 0i32;
    if head.contains(&b'>') {
        return Ok(true);
    }
    loop {
        let buffer = fill(input)?;
        let Some(&byte) = buffer.first() else { return Ok(false) };
        input.consume(1);
        match byte {
            b'[' => depth += 1,
            b']' => depth -= 1,
            quote @ (b'"' | b'\'') if !skip_past(input, &[quote])? => return Ok(false),
            b'>' if depth <= 0 => return Ok(true),
            _ => {}
        }
    }
}

enum Taken {
    Whole,
    TooLong,
    Broken,
}

/// Takes what stands between `<` and `>`; a `>` within quotes does not end it.
fn take_tag(input: &mut dyn BufRead, tag: &mut Vec<u8>) -> io::Result<Taken> {
    let mut quote: Option<u8> = None;
    let mut too_long = false;
    loop {
        let buffer = fill(input)?;
        if buffer.is_empty() {
            return Ok(Taken::Broken);
        }
        let mut at = 0;
        let mut end = None;
        while end.is_none() {
            let rest = &buffer[at..];
            let next = match quote {
                Some(quote) => memchr(quote, rest),
                None => memchr3(b'>', b'"', b'\'', rest),
            };
            let Some(next) = next else { break };
            match (quote, rest[next]) {
                (None, b'>') => end = Some(at + next),
                (None, opening) => quote = Some(opening),
                (Some(_), _) => quote = None,
            }
            at += next + 1;
        }
        let length = end.unwrap_or(buffer.len());
        if tag.len() + length > MAX_TAG {
            too_long = true;
        } else {
            tag.extend(&buffer[..length]);
        }
        input.consume(end.map_or(length, |end| end + 1));
        if end.is_some() {
            return Ok(if too_long { Taken::TooLong } else { Taken::Whole });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::BufReader;

    /// The tags in a short form, read with buffers of `size` bytes.
    fn read(text: &[u8], size: usize) -> (Vec<String>, bool) {
        let mut seen = Vec::new();
        let whole = tags(&mut BufReader::with_capacity(size, text), |tag| {
            seen.push(match tag {
                Tag::End(name) => format!("/{name}"),
                Tag::Start { element, empty } => {
                    let name = element.name().as_ref().to_owned();
                    let mut value = String::new();
                    attributes(&element, |key, raw| {
                        if key == "n" {
                            value = format!(" {}", resolved(raw));
                        }
                    });
                    format!("{name}{value}{}", if empty { "/" } else { "" })
                }
            });
        });
        (seen, whole.unwrap())
    }

    #[test]
    fn tags_and_nothing_else() {
        let text = br#"<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "<c>]>">]><a n="x &lt; &#65; &b; > y">text
            <!-- <no> --><![CDATA[ <no> ]] > ]]><b/><c n='"'/ ></c ></a>"#;
        let expected = [r#"a x &lt; &#65; &b; > y"#, "b/", "c \"", "/c", "/a"];
        for size in [1, 2, 3, 5, 7, 64, 4096] {
            let (seen, whole) = read(text, size);
            assert!(whole);
            assert_eq!(seen, expected.map(String::from), "buffers of {size}");
        }
    }

    #[test]
    fn references_of_xml_itself_are_resolved() {
        assert_eq!(read(br#"<a n="&lt;x&gt; &amp; &#34;&#x41;"/>"#, 64).0, [r#"a <x> & "A/"#]);
    }

    #[test]
    fn broken_files_are_read_as_far_as_they_go() {
        for (text, tags) in [
            ("", 0),
            ("no xml", 0),
            ("<a><b", 1),
            ("<a><!-- ", 1),
            ("<a><", 1),
            ("<a n=\"", 0),
            ("<a><![CDATA[", 1),
            ("<a><!DOCTYPE [", 1),
            ("<a/><?", 1),
        ] {
            assert_eq!(read(text.as_bytes(), 2).0.len(), tags, "{text}");
        }
        assert!(read(b"", 2).1 && !read(b"<a", 2).1);
    }

    #[test]
    fn an_endless_tag_is_skipped() {
        let text = format!("<a n=\"{}\"/><b/>", "x".repeat(2 * MAX_TAG));
        assert_eq!(read(text.as_bytes(), 4096).0, ["b/"]);
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(bytes in prop::collection::vec(prop::sample::select(&b"<>!?-[]\"'/& =aDC\xff\n"[..]), 0..200), size in 1usize..20) {
            let (small, large) = (read(&bytes, size), read(&bytes, 4096));
            prop_assert_eq!(small, large);
        }
    }
}
