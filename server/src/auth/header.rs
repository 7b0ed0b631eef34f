//! The `Authorization` header: `Basic` (RFC 7617) and `Bearer` (RFC 6750).

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::denied::Denied;

pub(super) enum Authorization {
    Basic { user: String, password: String },
    Bearer(String),
}

/// Some clients leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl Authorization {
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Denied> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let value = values.next().ok_or(Denied::Missing)?;
        if values.next().is_some() {
            return Err(Denied::Malformed);
        }
        let (scheme, rest) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or(Denied::Malformed)?;
        let rest = rest.trim();
        if scheme.eq_ignore_ascii_case("bearer") && !rest.is_empty() {
            return Ok(Self::Bearer(rest.to_owned()));
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return Err(Denied::Malformed);
        }
        let decoded = BASE64.decode(rest).map_err(|_| Denied::Malformed)?;
        let text = String::from_utf8(decoded).map_err(|_| Denied::Malformed)?;
        let (user, password) = text.split_once(':').ok_or(Denied::Malformed)?;
        Ok(Self::Basic { user: user.to_owned(), password: password.to_owned() })
    }
}
