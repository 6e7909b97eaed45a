//! The items of a JSON list, one at a time while the list comes.
//!
//! What a list takes in memory is its largest item, however many it has: an item is handed over as
//! its bytes as soon as it is whole, and what is left is the list around them.

use serde::de::DeserializeOwned;

/// What is around a list's items is no longer than this (64 KiB).
const FRAME: usize = 64 * 1024;

/// Nothing that is listed is larger (8 MiB): an API server stores 1.5 MiB at most.
const ITEM: usize = 8 << 20;

/// Why a list cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ItemsError {
    /// An item is larger than any right one.
    #[error("an item of the list is larger than {} MiB", ITEM >> 20)]
    LargeItem,
    /// What is around the items is.
    #[error("what is around the items of the list is larger than {} KiB", FRAME >> 10)]
    LargeFrame,
    /// An item is no object.
    #[error("an item of the list is no object")]
    NoObject,
    /// It is no JSON, or breaks off, or is another document.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// Where in the list the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Around the items.
    Frame,
    /// Between two of them.
    Between,
    /// In one.
    Item,
}

/// Takes a list `{"items": [{…}, …], …}` apart.
#[derive(Debug)]
pub struct Items {
    place: Place,
    /// The list with a `0` for each item.
    frame: Vec<u8>,
    item: Vec<u8>,
    /// How many objects and arrays are open.
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// Where in the frame the string begins that was read last; what came since is blank or a
    /// colon.
    string: Option<usize>,
}

impl Default for Items {
    fn default() -> Self {
        Self {
            place: Place::Frame,
            frame: Vec::new(),
            item: Vec::new(),
            depth: 0,
            in_string: false,
            escaped: false,
            string: None,
        }
    }
}

impl Items {
    /// Takes the next bytes and shows each item that ends in them.
    ///
    /// # Errors
    /// [`ItemsError`], that of `look` included.
    pub fn push(
        &mut self,
        mut bytes: &[u8],
        mut look: impl FnMut(&[u8]) -> Result<(), ItemsError>,
    ) -> Result<(), ItemsError> {
        while let [first, ..] = bytes {
            let taken = match self.place {
                Place::Frame => self.in_frame(bytes)?,
                Place::Between => self.between(*first)?,
                Place::Item => self.in_item(bytes, &mut look)?,
            };
            bytes = &bytes[taken..];
        }
        Ok(())
    }

    /// The list without its items, which must be whole.
    ///
    /// # Errors
    /// [`ItemsError::Json`] when it is not, or is something else.
    pub fn finish<T: DeserializeOwned>(self) -> Result<T, ItemsError> {
        Ok(serde_json::from_slice(&self.frame)?)
    }

    /// Whether what came begins as a page for people does.
    pub fn is_markup(&self) -> bool {
        self.frame.trim_ascii_start().starts_with(b"<")
    }

    fn in_frame(&mut self, bytes: &[u8]) -> Result<usize, ItemsError> {
        let byte = bytes[0];
        if self.in_string {
            let run = self.run_of_string(bytes);
            self.framed(&bytes[..run])?;
            return Ok(run);
        }
        let is_key = |string: Option<usize>| {
            string.is_some_and(|from| self.frame[from..].starts_with(b"\"items\""))
        };
        match byte {
            b'"' => {
                self.in_string = true;
                self.string = (self.depth == 1).then_some(self.frame.len());
            }
            b'[' if self.depth == 1
                && is_key(self.string)
                && self.frame.trim_ascii_end().ends_with(b":") =>
            {
                self.place = Place::Between;
                self.depth += 1;
            }
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        if !matches!(byte, b'"' | b':') && !byte.is_ascii_whitespace() {
            self.string = None;
        }
        self.framed(&[byte])?;
        Ok(1)
    }

    fn between(&mut self, byte: u8) -> Result<usize, ItemsError> {
        match byte {
            b'{' => {
                self.place = Place::Item;
                return Ok(0);
            }
            b']' => {
                self.place = Place::Frame;
                self.depth -= 1;
                self.framed(b"]")?;
            }
            b',' => self.framed(b",")?,
            blank if blank.is_ascii_whitespace() => {}
            _ => return Err(ItemsError::NoObject),
        }
        Ok(1)
    }

    fn in_item(
        &mut self,
        bytes: &[u8],
        look: &mut impl FnMut(&[u8]) -> Result<(), ItemsError>,
    ) -> Result<usize, ItemsError> {
        let mut at = 0;
        let mut ended = false;
        while at < bytes.len() && !ended {
            if self.in_string {
                at += self.run_of_string(&bytes[at..]);
                continue;
            }
            match bytes[at] {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth -= 1;
                    ended = self.depth == 2;
                }
                _ => {}
            }
            at += 1;
        }
        if self.item.len() + at > ITEM {
            return Err(ItemsError::LargeItem);
        }
        self.item.extend_from_slice(&bytes[..at]);
        if ended {
            self.place = Place::Between;
            self.framed(b"0")?;
            look(&self.item)?;
            self.item.clear();
        }
        Ok(at)
    }

    /// How many of the bytes belong to the string that is open, its end included.
    fn run_of_string(&mut self, bytes: &[u8]) -> usize {
        if std::mem::take(&mut self.escaped) {
            return 1;
        }
        match memchr::memchr2(b'"', b'\\', bytes) {
            None => bytes.len(),
            Some(at) => {
                (self.in_string, self.escaped) = (bytes[at] == b'\\', bytes[at] == b'\\');
                at + 1
            }
        }
    }

    fn framed(&mut self, bytes: &[u8]) -> Result<(), ItemsError> {
        if self.frame.len() + bytes.len() > FRAME {
            return Err(ItemsError::LargeFrame);
        }
        self.frame.extend_from_slice(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    /// The items and the rest, read in pieces of `size`.
    fn read(text: &str, size: usize) -> Result<(Vec<Value>, Value), ItemsError> {
        let (mut items, mut found) = (Items::default(), Vec::new());
        for piece in text.as_bytes().chunks(size) {
            items.push(piece, |item| {
                found.push(serde_json::from_slice(item)?);
                Ok(())
            })?;
        }
        Ok((found, items.finish()?))
    }

    #[test]
    fn items_come_one_at_a_time() {
        let list = r#" {"kind":"items", "metadata" : {"items":[1],"continue":"x"}, "items" : [ {"a":"]}\"{\\"} ,{"items":[{}]}]}"#;
        for size in 1..list.len() {
            let (items, rest) = read(list, size).unwrap();
            assert_eq!(items, [json!({"a": "]}\"{\\"}), json!({"items": [{}]})]);
            assert_eq!(rest["metadata"]["continue"], "x");
        }
    }

    #[test]
    fn what_is_no_whole_list_is_refused() {
        let list = r#"{"items":[{"a":1},{"b":2}],"metadata":{}}"#;
        for end in 0..list.len() {
            assert!(read(&list[..end], 7).is_err(), "{}", &list[..end]);
        }
        for text in [
            r#"{"items":[1]}"#,
            r#"{"items":[{}{}]}"#,
            r#"{"items":[{}]}}"#,
            "<html>",
            r#"{"items":[{]}]}"#,
        ] {
            assert!(read(text, 3).is_err(), "{text}");
        }
        assert!(read(r#"{"items":null}"#, 3).unwrap().0.is_empty());
    }

    #[test]
    fn nothing_grows_without_end() {
        let mut items = Items::default();
        let endless = |items: &mut Items, piece: &str| {
            let push = |_| items.push(piece.as_bytes(), |_| Ok(())).err();
            (0..20_000).find_map(push).unwrap().to_string()
        };
        assert!(endless(&mut items, "{\"x\":\"").contains("64 KiB"));
        let mut items = Items::default();
        items.push(br#"{"items":[{"a":""#, |_| Ok(())).unwrap();
        assert!(endless(&mut items, &"x".repeat(4096)).contains("8 MiB"));
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i32>().prop_map(Value::from),
            ".{0,6}".prop_map(Value::from)
        ];
        leaf.prop_recursive(3, 12, 3, |inner| {
            let key = prop_oneof![Just("items".to_owned()), "[\\[\\]{}\":,\\\\a]{0,3}"];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map(key, inner, 0..3)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// What a parser of the whole list finds, in whatever pieces it comes.
        #[test]
        fn it_is_what_a_parser_finds(
            items in prop::collection::vec(values(), 0..4), other in values(), first: bool, pretty: bool, size in 1usize..40
        ) {
            let items: Vec<Value> = items.into_iter().map(|value| json!({"v": value})).collect();
            let (list, around) = (Value::from(items.clone()), json!({"other": other}));
            let write = |value: &Value| {
                if pretty { serde_json::to_string_pretty(value).unwrap() } else { value.to_string() }
            };
            let around = write(&around);
            let text = match first {
                true => format!("{{\"items\":{},{}", write(&list), &around[1..]),
                false => format!("{},\"items\": {}}}", &around[..around.len() - 1], write(&list)),
            };
            let (found, rest) = read(&text, size).unwrap();
            prop_assert_eq!(found, items);
            prop_assert_eq!(&rest["other"], &other);
        }
    }
}
