//! What things cost: data, not code, each price with its source and date.

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorCode, Result};

/// US dollars per unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    pub usd: f64,
    pub source: String,
    /// When the price was looked up: `YYYY-MM-DD`.
    pub date: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceBook {
    pub lambda_gb_second: Price,
    pub lambda_request: Price,
    /// GET and HEAD.
    pub s3_get: Price,
    /// PUT, POST, COPY and LIST.
    pub s3_put: Price,
    /// Per 10^12 bytes scanned.
    pub athena_terabyte: Price,
}

impl PriceBook {
    /// The prices this version was built with.
    ///
    /// # Errors
    /// Never in a build that passed its tests.
    pub fn built_in() -> Result<Self> {
        Self::parse(include_str!("prices.toml"))
    }

    /// Reads a price book in TOML.
    ///
    /// # Errors
    /// `InvalidArgument` naming the line of a file that is not one.
    pub fn parse(text: &str) -> Result<Self> {
        toml::from_str(text).map_err(|error| Error::new(ErrorCode::InvalidArgument, format!("price book: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_prices_name_their_sources() {
        let book = PriceBook::built_in().unwrap();
        for price in [book.lambda_gb_second, book.lambda_request, book.s3_get, book.s3_put, book.athena_terabyte] {
            assert!(price.usd > 0.0 && price.source.starts_with("https://") && price.date.len() == 10, "{price:?}");
        }
    }

    #[test]
    fn an_unknown_price_is_refused() {
        let error = PriceBook::parse("[coffee]\nusd = 1").unwrap_err();
        assert!(error.message.contains("coffee"), "{error}");
    }
}
