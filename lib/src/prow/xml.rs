//! The tags of an XML stream, one after another, in flat memory.
//!
//! Everything between tags is skipped without being kept, unless texts are asked for: a log of
//! gigabytes in `<system-out>`, CDATA, comments, processing instructions, and a DOCTYPE with the
//! entities it declares, which are therefore never expanded. Broken files are read as far as they
//! can be.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hasher};
use std::io::{self, BufRead};

use memchr::{memchr, memchr3, memmem};
use quick_xml::events::BytesStart;

/// Of a longer value (16 KiB) the beginning is kept, and a hash of the rest, so that two values of
/// the same beginning stay two.
const MAX_VALUE: usize = 16 * 1024;

/// Of a tag that is longer even so (256 KiB) the element counts, and the attributes up to here.
const MAX_TAG: usize = 256 * 1024;

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
    /// What stands between two tags, raw; only if texts are asked for.
    Text(&'a str),
}

/// Reads all tags of a stream, and the texts between them up to so many bytes each, CDATA left out;
/// says whether it ended between tags, as a whole file does.
///
/// # Errors
/// When the stream cannot be read.
pub fn tags(
    input: &mut dyn BufRead,
    most: usize,
    mut visit: impl FnMut(Tag<'_>),
) -> io::Result<bool> {
    let mut tag = Vec::new();
    loop {
        tag.clear();
        let found =
            if most == 0 { skip_past(input, b"<")? } else { take_text(input, most, &mut tag)? };
        if !found {
            return Ok(true);
        }
        if !tag.trim_ascii().is_empty() {
            visit(Tag::Text(&String::from_utf8_lossy(&tag)));
        }
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
                true => deliver(&tag, &mut visit),
                false => return Ok(false),
            },
        }
    }
}

/// Takes what stands before the next `<`, which is read as well; false if the stream ends before.
fn take_text(input: &mut dyn BufRead, most: usize, text: &mut Vec<u8>) -> io::Result<bool> {
    loop {
        let buffer = fill(input)?;
        if buffer.is_empty() {
            return Ok(false);
        }
        let end = memchr(b'<', buffer);
        let length = end.unwrap_or(buffer.len());
        text.extend(&buffer[..length.min(most.saturating_sub(text.len()))]);
        input.consume(end.map_or(length, |end| end + 1));
        if end.is_some() {
            return Ok(true);
        }
    }
}

fn deliver(tag: &[u8], visit: &mut impl FnMut(Tag<'_>)) {
    // A name in another encoding is shown as well as it can be.
    let text = String::from_utf8_lossy(tag);
    if let Some(name) = text.strip_prefix('/') {
        visit(Tag::End(name.trim_ascii()));
        return;
    }
    let (text, empty) = text
        .strip_suffix('/')
        .map_or((text.as_ref(), false), |text| (text, true));
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
        let found =
            if let [byte] = mark { memchr(*byte, buffer) } else { memmem::find(buffer, mark) };
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

/// Takes what stands between `<` and `>`, as far as it is worth keeping; a `>` within quotes does
/// not end it. False if the stream ends before it does.
fn take_tag(input: &mut dyn BufRead, tag: &mut Vec<u8>) -> io::Result<bool> {
    let mut quote: Option<u8> = None;
    let mut long: Option<Keeper> = None;
    let mut last = 0;
    loop {
        let buffer = fill(input)?;
        if buffer.is_empty() {
            return Ok(false);
        }
        let before = quote;
        let end = end_of_tag(buffer, &mut quote);
        let part = &buffer[..end.unwrap_or(buffer.len())];
        last = part.last().copied().unwrap_or(last);
        match &mut long {
            // Nearly every tag there is.
            None if tag.len() + part.len() <= MAX_VALUE => tag.extend(part),
            long => long.get_or_insert_with(|| Keeper::after(tag, before)).keep(part, tag),
        }
        let length = part.len();
        input.consume(end.map_or(length, |end| end + 1));
        if end.is_some() {
            // What was left out must not change how it ends.
            match (last == b'/', tag.last() == Some(&b'/')) {
                (true, false) => tag.push(b'/'),
                (false, true) => tag.push(b' '),
                _ => {}
            }
            return Ok(true);
        }
    }
}

/// Where a tag ends within a buffer, if it does.
fn end_of_tag(buffer: &[u8], quote: &mut Option<u8>) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = &buffer[at..];
        let next = match *quote {
            Some(quote) => memchr(quote, rest),
            None => memchr3(b'>', b'"', b'\'', rest),
        }?;
        match (*quote, rest[next]) {
            (None, b'>') => return Some(at + next),
            (None, opening) => *quote = Some(opening),
            (Some(_), _) => *quote = None,
        }
        at += next + 1;
    }
}

/// Keeps a tag that is long: the beginning of each value, and a hash of its rest.
struct Keeper {
    quote: Option<u8>,
    kept: usize,
    rest: Option<DefaultHasher>,
}

impl Keeper {
    /// Goes on after what was kept as a whole.
    fn after(tag: &[u8], quote: Option<u8>) -> Self {
        let opened = quote.and_then(|quote| memchr::memrchr(quote, tag));
        Self { quote, kept: opened.map_or(0, |at| tag.len() - at - 1), rest: None }
    }

    fn keep(&mut self, mut part: &[u8], tag: &mut Vec<u8>) {
        while !part.is_empty() {
            let next = match self.quote {
                Some(quote) => memchr(quote, part),
                None => memchr::memchr2(b'"', b'\'', part),
            };
            self.take(&part[..next.unwrap_or(part.len())], tag);
            let Some(next) = next else { return };
            match self.quote.take() {
                Some(quote) => {
                    if let Some(rest) = self.rest.take() {
                        tag.extend(format!("…{:016x}", rest.finish()).bytes());
                    }
                    put(&[quote], tag);
                }
                None => {
                    self.quote = Some(part[next]);
                    self.kept = 0;
                    put(&part[next..=next], tag);
                }
            }
            part = &part[next + 1..];
        }
    }

    fn take(&mut self, bytes: &[u8], tag: &mut Vec<u8>) {
        if self.quote.is_none() {
            put(bytes, tag);
            return;
        }
        let (kept, rest) = bytes.split_at(bytes.len().min(MAX_VALUE - self.kept.min(MAX_VALUE)));
        self.kept += kept.len();
        put(kept, tag);
        if !rest.is_empty() {
            self.rest.get_or_insert_with(DefaultHasher::new).write(rest);
        }
    }
}

fn put(bytes: &[u8], tag: &mut Vec<u8>) {
    tag.extend(&bytes[..bytes.len().min(MAX_TAG.saturating_sub(tag.len()))]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::BufReader;

    /// The tags in a short form, read with buffers of `size` bytes.
    fn read(text: &[u8], size: usize) -> (Vec<String>, bool) {
        let mut seen = Vec::new();
        let whole = tags(&mut BufReader::with_capacity(size, text), 0, |tag| {
            seen.push(match tag {
                Tag::End(name) => format!("/{name}"),
                Tag::Text(text) => text.to_owned(),
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
    fn the_element_of_a_long_tag_counts_and_values_stay_apart() {
        for size in [100, 4096, 65_536] {
            let long = |length: usize, end: &str| {
                format!("<a n=\"{}{end}\" m='x'/><b/>", "x".repeat(length))
            };
            let value = |text: &str| read(text.as_bytes(), size).0;
            let [one, other] = ["1", "2"].map(|end| value(&long(8 * MAX_VALUE, end)));
            assert!(
                one[0].starts_with("a xxx")
                    && one[0].ends_with('/')
                    && one[0].len() < MAX_VALUE + 40,
                "{size}"
            );
            assert!(one[1] == "b/" && one[0] != other[0], "{size}");
            assert_eq!(value(&long(MAX_VALUE - 9, ">"))[0].len(), MAX_VALUE - 9 + 4);
            // Attributes behind it are there as well.
            let behind = format!("<a m=\"{}\" n='it'></a>", "x".repeat(70_000));
            assert_eq!(value(&behind), ["a it", "/a"], "{size}");
            let open = format!("<a n='{}/'></a>", "x".repeat(70_000));
            assert_eq!(value(&open)[1], "/a", "{size}");
        }
        // More attributes than any tag has.
        let many = format!("<a n='it' {}/><b/>", "k='vvvvvvvvvvvvvvvv' ".repeat(MAX_TAG / 10));
        assert_eq!(read(many.as_bytes(), 4096).0, ["a it/", "b/"]);
    }

    #[test]
    fn texts_are_there_if_asked_for() {
        for size in [1, 3, 4096] {
            let mut texts = Vec::new();
            let text = &b"<a>one &lt; <b/>\n  <c>longer than most</c></a>"[..];
            let take = |tag: Tag<'_>| {
                if let Tag::Text(text) = tag {
                    texts.push(text.to_owned());
                }
            };
            assert!(tags(&mut BufReader::with_capacity(size, text), 10, take).unwrap());
            assert_eq!(texts, ["one &lt; ", "longer tha"]);
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(bytes in prop::collection::vec(prop::sample::select(&b"<>!?-[]\"'/& =aDC\xff\n"[..]), 0..200), size in 1usize..20) {
            let (small, large) = (read(&bytes, size), read(&bytes, 4096));
            prop_assert_eq!(small, large);
        }
    }
}
