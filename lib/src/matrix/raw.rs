//! The matrix and a job's cell as the YAML has them, and what they must be.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use super::{Cell, Days, Matrix, cell};

/// No matrix has more combinations: the record names those that are required.
const MOST_CELLS: usize = 1_000;

/// No matrix has more dimensions.
const MOST_DIMENSIONS: usize = 8;

/// No name or value is longer.
const MOST_CHARS: usize = 60;

/// What is wrong, and on which line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct Wrong {
    /// Counted from 1.
    pub line: u64,
    /// In words, with what is expected.
    pub problem: String,
}

fn wrong(at: &Location, problem: impl Into<String>) -> Wrong {
    Wrong { line: at.line(), problem: problem.into() }
}

/// A job's cell: a value for each dimension.
pub type RawCell = BTreeMap<String, Spanned<String>>;

/// What must be tested: the dimensions, and which of their combinations.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RawMatrix {
    /// Each dimension with its values. Quote versions: 4.20 is a number, and the same as 4.2.
    #[schemars(with = "BTreeMap<String, Vec<String>>")]
    dimensions: Spanned<BTreeMap<String, Spanned<Vec<Spanned<String>>>>>,
    /// Which combinations must be covered: a value or a list of values for some dimensions, and
    /// every value of the others. Every combination if absent.
    #[serde(default)]
    #[schemars(with = "Option<Vec<BTreeMap<String, Values>>>")]
    required: Option<Spanned<Vec<Spanned<RawPattern>>>>,
    /// Which of these need not be covered after all.
    #[serde(default)]
    #[schemars(with = "Vec<BTreeMap<String, Values>>")]
    except: Vec<Spanned<RawPattern>>,
    /// How old the last pass of a required cell may be, such as `7d`.
    #[serde(default)]
    #[schemars(with = "Option<Days>")]
    fresh: Option<Spanned<String>>,
    /// How many jobs with `every` run in one night at most.
    #[serde(default)]
    #[schemars(with = "Option<u32>", range(min = 1))]
    budget: Option<Spanned<u32>>,
}

type RawPattern = BTreeMap<String, Spanned<Values>>;

/// One value or several.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code, reason = "the variants are for the schema")]
enum Values {
    /// One value.
    One(String),
    /// Several values.
    Several(Vec<String>),
}

impl Values {
    fn list(&self) -> &[String] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Several(values) => values,
        }
    }
}

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Values;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value in quotes or a list of them")
            }

            fn visit_str<E>(self, value: &str) -> Result<Values, E> {
                Ok(Values::One(value.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, values: A) -> Result<Values, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(values)).map(Values::Several)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl RawMatrix {
    /// The line of its dimensions, for what is wrong with the whole.
    pub fn line(&self) -> u64 {
        self.dimensions.referenced.line()
    }

    /// The line of its budget or of `fresh`, for what is wrong with both.
    pub fn limits_line(&self) -> u64 {
        let budget = self.budget.as_ref().map(|budget| budget.referenced.line());
        let fresh = self.fresh.as_ref().map(|fresh| fresh.referenced.line());
        budget.or(fresh).unwrap_or_else(|| self.line())
    }

    /// The matrix that it describes.
    ///
    /// # Errors
    /// [`Wrong`] for the first thing that is wrong.
    pub fn check(&self) -> Result<Matrix, Wrong> {
        let dimensions = self.dimensions()?;
        let mut required: BTreeSet<Cell> = match &self.required {
            None => cell::product(&dimensions).into_iter().collect(),
            Some(patterns) if patterns.value.is_empty() => {
                return Err(wrong(
                    &patterns.referenced,
                    "required: an empty list; leave it out to require every combination",
                ));
            }
            Some(patterns) => {
                let mut cells = BTreeSet::new();
                for pattern in &patterns.value {
                    cells.extend(expand("required", &dimensions, pattern)?);
                }
                cells
            }
        };
        for pattern in &self.except {
            let mut any = false;
            for cell in expand("except", &dimensions, pattern)? {
                any |= required.remove(&cell);
            }
            if !any {
                return Err(wrong(
                    &pattern.referenced,
                    "except: none of these cells is required, or an earlier entry excepts them already; leave the entry out",
                ));
            }
        }
        if required.is_empty() {
            return Err(wrong(
                &self.dimensions.referenced,
                "every combination is excepted; expected at least one cell that is required",
            ));
        }
        let fresh = self.fresh.as_ref().map(|fresh| {
            fresh
                .value
                .parse::<Days>()
                .map_err(|problem| wrong(&fresh.referenced, format!("fresh: {problem}")))
        });
        if let Some(budget) = self.budget.as_ref().filter(|budget| budget.value == 0) {
            let problem = "budget: expected a number of jobs from 1 on, found 0";
            return Err(wrong(&budget.referenced, problem));
        }
        Ok(Matrix {
            dimensions,
            required,
            fresh: fresh.transpose()?,
            budget: self.budget.as_ref().map(|budget| budget.value),
        })
    }

    fn dimensions(&self) -> Result<Vec<(String, Vec<String>)>, Wrong> {
        let at = &self.dimensions.referenced;
        let given = &self.dimensions.value;
        if given.is_empty() || given.len() > MOST_DIMENSIONS {
            let problem = format!(
                "dimensions: expected 1 to {MOST_DIMENSIONS} of them, such as cpo: [\"4.20.z\"], found {}",
                given.len()
            );
            return Err(wrong(at, problem));
        }
        let mut dimensions = Vec::new();
        for (name, values) in given {
            check_dimension(name).map_err(|problem| wrong(&values.referenced, problem))?;
            if values.value.is_empty() {
                let problem = format!("dimensions: {name}: expected a list of values, found none");
                return Err(wrong(&values.referenced, problem));
            }
            let mut list: Vec<String> = Vec::new();
            for value in &values.value {
                let problem = check_value(&value.value)
                    .err()
                    .or_else(|| list.contains(&value.value).then(|| twice(&value.value)));
                if let Some(problem) = problem {
                    let problem = format!("dimensions: {name}: {problem}");
                    return Err(wrong(&value.referenced, problem));
                }
                list.push(value.value.clone());
            }
            dimensions.push((name.clone(), list));
        }
        let count = cell::count(&dimensions);
        if count > MOST_CELLS {
            let problem =
                format!("dimensions: {count} combinations; expected at most {MOST_CELLS}");
            return Err(wrong(at, problem));
        }
        Ok(dimensions)
    }
}

fn twice(value: &str) -> String {
    format!("{value:?} stands there twice; expected each value once")
}

/// A dimension's name becomes a label of the metrics.
fn check_dimension(name: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
    if begins && name.chars().all(plain) && name.len() <= MOST_CHARS {
        return Ok(());
    }
    Err(format!(
        "dimensions: expected a name of lower-case letters, digits and _, found {}",
        quoted(name)
    ))
}

fn check_value(value: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+');
    if !value.is_empty() && value.chars().all(plain) && value.len() <= MOST_CHARS {
        return Ok(());
    }
    Err(format!(
        "expected a value of letters, digits, '.', '-', '_' and '+', found {}",
        quoted(value)
    ))
}

fn quoted(found: &str) -> String {
    let short: String = found.chars().take(80).collect();
    format!("{short:?}")
}

/// The values of a dimension, or that there is no such dimension.
fn values<'a>(
    field: &str,
    dimensions: &'a [(String, Vec<String>)],
    name: &str,
) -> Result<&'a [String], String> {
    let found = dimensions.iter().find(|(known, _)| known == name);
    found.map(|(_, values)| values.as_slice()).ok_or_else(|| {
        let known: Vec<_> = dimensions.iter().map(|(name, _)| name.as_str()).collect();
        format!("{field}: {} is no dimension; expected one of {}", quoted(name), known.join(", "))
    })
}

fn unknown(field: &str, name: &str, value: &str, known: &[String]) -> String {
    let value = quoted(value);
    format!("{field}: {name}: {value} is none of its values; expected one of {}", known.join(", "))
}

/// The cells that a pattern means.
fn expand(
    field: &str,
    dimensions: &[(String, Vec<String>)],
    pattern: &Spanned<RawPattern>,
) -> Result<Vec<Cell>, Wrong> {
    if pattern.value.is_empty() {
        let problem =
            format!("{field}: an empty entry; expected a value for at least one dimension");
        return Err(wrong(&pattern.referenced, problem));
    }
    for (name, given) in &pattern.value {
        let at = &given.referenced;
        let known = values(field, dimensions, name).map_err(|problem| wrong(at, problem))?;
        let list = given.value.list();
        if list.is_empty() {
            let problem =
                format!("{field}: {name}: expected a value or a list of them, found none");
            return Err(wrong(at, problem));
        }
        if let Some(value) = list.iter().find(|value| !known.contains(value)) {
            return Err(wrong(at, unknown(field, name, value, known)));
        }
    }
    let narrowed: Vec<_> = dimensions
        .iter()
        .map(|(name, values)| {
            let given = pattern.value.get(name).map(|given| given.value.list().to_vec());
            (name.clone(), given.unwrap_or_else(|| values.clone()))
        })
        .collect();
    Ok(cell::product(&narrowed))
}

impl Matrix {
    /// The cell of a job: it must have one of the values of each dimension.
    ///
    /// # Errors
    /// [`Wrong`], which names what is expected.
    pub fn cell(&self, given: &Spanned<RawCell>) -> Result<Cell, Wrong> {
        let mut cell = Cell::new();
        for (name, value) in &given.value {
            let at = &value.referenced;
            let known =
                values("cell", &self.dimensions, name).map_err(|problem| wrong(at, problem))?;
            if !known.contains(&value.value) {
                return Err(wrong(at, unknown("cell", name, &value.value, known)));
            }
            cell.insert(name.clone(), value.value.clone());
        }
        let missing = self.dimensions.iter().find(|(name, _)| !cell.contains_key(name));
        if let Some((name, known)) = missing {
            let problem = format!("cell: {name} is missing; expected one of {}", known.join(", "));
            return Err(wrong(&given.referenced, problem));
        }
        Ok(cell)
    }
}
