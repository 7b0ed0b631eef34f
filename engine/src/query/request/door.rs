//! How a query came in.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorCode};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Door {
    /// From this process: the command line, a program that holds the engine.
    #[default]
    Embedded,
    Http,
    FlightSql,
}

impl Door {
    pub const ALL: [Self; 3] = [Self::Embedded, Self::Http, Self::FlightSql];

    /// As in the history.
    pub fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Http => "http",
            Self::FlightSql => "flight-sql",
        }
    }
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Door {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|door| door.name().eq_ignore_ascii_case(text)).ok_or_else(|| {
            Error::new(ErrorCode::InvalidArgument, format!("'{text}' is no door"))
                .with_hint("there are embedded, http and flight-sql")
        })
    }
}
