//! Values for what a statement leaves open.

use std::fmt;

use datafusion::common::ScalarValue;

/// For `?` and `$1` by their place, for `$name` and `:name` by their name. A value has the type that it was given; where the statement
/// wants another one that can hold it, it is taken for that.
#[derive(Clone, Default, PartialEq)]
pub enum Parameters {
    #[default]
    None,
    Positional(Vec<ScalarValue>),
    Named(Vec<(String, ScalarValue)>),
}

impl Parameters {
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Positional(values) => values.len(),
            Self::Named(values) => values.len(),
        }
    }
}

/// Without the values, which are nobody's business in a log.
impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Positional(values) => write!(f, "Positional({} values)", values.len()),
            Self::Named(values) => write!(f, "Named({} values)", values.len()),
        }
    }
}
